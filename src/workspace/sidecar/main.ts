/** Starts the agent beside one process. Usage: main.ts <folder of all> <process> <port or -> <reloads or starts-anew> */
import { SIDECAR_PORTS } from './protocol.ts'
import { startSidecar } from './sidecar.ts'

const [root = '', name = '', port = '-', way] = process.argv.slice(2)
process.title = 'towpath agent'
process.on('SIGTERM', () => process.exit(0))
await startSidecar({
  root,
  process: name,
  port: port === '-' ? null : Number(port),
  reloads: way === 'reloads',
  ports: SIDECAR_PORTS,
})
