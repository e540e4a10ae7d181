/** Starts the agent beside one process. Usage: main.ts <folder of all> <process> <port> [reloads] */
import { startSidecar } from './sidecar.ts'

const [root = '', name = '', port = '', reloads] = process.argv.slice(2)
process.title = 'towpath agent'
await startSidecar({
  folder: `${root}/workspace`,
  state: `${root}/state`,
  ask: `${root}/control/ask`,
  said: `${root}/control/said`,
  restarts: reloads === undefined ? name : null,
  port: Number(port),
})
process.on('SIGTERM', () => process.exit(0))
