/**
 * Starts the runner as a process of its own. The only file of it that reads the command line.
 * Usage: main.ts --home <folder> [--key <file>] [--door-ports <first>] [--process-ports <first>]
 */
import { chmodSync, mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { takeLock } from './lock.ts'
import { pathsOf, prepareRunFolder } from './paths.ts'
import { startRunner } from './runner.ts'
import { serveProtocol } from './server.ts'

const { values } = parseArgs({
  options: {
    home: { type: 'string' },
    key: { type: 'string' },
    'door-ports': { type: 'string', default: '4100' },
    'process-ports': { type: 'string', default: '21000' },
  },
})
if (!values.home) throw new Error('--home is missing')
process.title = 'towpath runner'
process.umask(0o022)

const home = resolve(values.home)
const paths = pathsOf(home)
mkdirSync(home, { recursive: true })
// Apps pass through it to their own folders; nobody can list it.
chmodSync(home, 0o711)
prepareRunFolder(paths.run)
for (const folder of [paths.state, paths.logs]) mkdirSync(folder, { recursive: true, mode: 0o700 })
const giveBack = takeLock(paths.lock)

const runner = await startRunner({
  home,
  keyPath: resolve(values.key ?? `${home}/runner.key`),
  ports: { doors: Number(values['door-ports']), processes: Number(values['process-ports']) },
})
let ending = false
const server = await serveProtocol(runner, paths.socket, (apps) => void shutDown(apps))
process.on('SIGTERM', () => void shutDown(false))
process.on('SIGINT', () => void shutDown(false))
process.on('SIGHUP', () => {})

/** Apps go on unless it was asked to end them: a restart of the runner must not be felt. */
async function shutDown(apps: boolean): Promise<void> {
  if (ending) return
  ending = true
  // The answer to whoever asked is still on its way.
  setTimeout(async () => {
    await runner.close({ apps })
    await server.close()
    giveBack()
    process.exit(0)
  }, 20)
}
