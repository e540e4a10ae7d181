/**
 * The platform as a process. The only file that names concrete engines, builders and servers, and the only one of the
 * platform that reads the environment.
 * Usage: main.ts [--home <folder>] [--port <number>] [--listen <address>:<port> ...] [--restore <file>]
 * `--restore` takes the passphrase on standard input, tells of its progress as JSON lines, and ends.
 */
import { existsSync, writeSync } from 'node:fs'
import { homedir, userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { TowError } from '../api/errors.ts'
import { defaultHome } from '../api/home.ts'
import { isRefusedByBrowsers } from '../api/ports.ts'
import { VERSION } from '../api/version.ts'
import { endLeftover } from '../builders/leftover.ts'
import { createRefusedBuilder } from '../builders/refused.ts'
import { createSourceBuilder, startTimeOf } from '../builders/source/index.ts'
import { createLocalEngine, shutDownRunner } from '../engines/local/engine.ts'
import { dockerCredentials } from '../images/credentials.ts'
import { layerDigests } from '../images/layer.ts'
import { connectRunner, pathsOf } from '../runner/protocol.ts'
import { createBlobStore } from '../trees/blob-store.ts'
import { assemble, type PlatformOptions } from './assemble.ts'
import { openConsole } from './console-folder.ts'
import { PLATFORM } from './kernel/actor.ts'
import { systemClock } from './kernel/clock.ts'
import type { Database } from './kernel/database.ts'
import { openHome, removePlatformFile, takeLock, writePlatformFile } from './kernel/home.ts'
import { createLog, type Log } from './kernel/log.ts'
import { logToFile } from './kernel/log-file.ts'
import { COPIED_WHILE_IT_RUNS, serverPart } from './kernel/postgres/base-backup.ts'
import { postgresOnDemand } from './kernel/postgres/on-demand.ts'
import { resolveName } from './kernel/resolve.ts'
import { openStateDatabase, type StateDatabase } from './kernel/state-database.ts'
import { mayBuild, readListening } from './listening.ts'
import { createPlatform, type Platform } from './platform.ts'
import { refuseUnfinished, refuseUsed, restoreHome } from './restore.ts'

const DEFAULT_PORT = 7370
const PORTS_TRIED = 50

process.title = 'towpath platform'
process.umask(0o022)
// A full or read-only disk, a terminal that was closed: no reason to end.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
try {
  await main()
} catch (error) {
  const known = error instanceof TowError ? error : null
  process.stderr.write(`${known?.message ?? (error instanceof Error ? error.stack : String(error))}\n`)
  if (known?.hint) process.stderr.write(`${known.hint}\n`)
  process.exit(1)
}

async function main(): Promise<void> {
  const { env } = process
  const { values } = parseArgs({
    options: {
      home: { type: 'string' },
      port: { type: 'string' },
      listen: { type: 'string' },
      'tls-cert': { type: 'string' },
      'tls-key': { type: 'string' },
      name: { type: 'string', multiple: true },
      'insecure-plain-http': { type: 'boolean' },
      'shared-builds': { type: 'boolean' },
      restore: { type: 'string' },
    },
  })
  const uid = process.getuid?.() ?? -1
  const home = resolve(values.home ?? defaultHome({ env, uid, homedir: homedir() }))
  const port = readPort(values.port)
  const beyond = readListening(values, env)
  openHome(home)
  if (values.restore === undefined) refuseUnfinished(home)
  else refuseUsed(home)
  const giveBackLock = takeLock(home)
  const writeEntry = logToFile(join(home, 'logs', 'platform.log'), sayAside)
  const log = createLog(writeEntry)
  process.on('unhandledRejection', (error) => log.error('a failure that nobody waited for', error))

  const engineHome = join(home, 'engine')
  const runner = connectRunner(pathsOf(engineHome).socket)
  const blobs = createBlobStore(join(home, 'blobs'))
  const appsFolder = join(home, 'postgres-apps')
  const forApps = postgresOnDemand({
    folder: appsFolder,
    name: 'the PostgreSQL of apps',
    settings: COPIED_WHILE_IT_RUNS,
    onLog: (message) => log.warn(message),
  })
  let state: StateDatabase | null = null
  let platform: Platform | null = null
  let ending: Promise<void> | null = null

  /** In the reverse order of the start. Apps and databases go on unless everything is to end. */
  function end(everything: boolean, exit: number): Promise<void> {
    ending ??= (async () => {
      log.info(everything ? 'stopping the platform, apps and databases' : 'stopping the platform')
      await step(log, () => platform?.close())
      await step(log, () => engine.close())
      if (everything) await step(log, () => shutDownRunner(engineHome, { apps: true }))
      await step(log, async () => {
        const server = await forApps.started()
        await (everything ? server?.stop() : server?.leave())
      })
      await step(log, () => state?.close(everything))
      removePlatformFile(home)
      giveBackLock()
      process.exit(exit)
    })()
    return ending
  }

  const content = { tree: (hash: string) => platform!.tree(hash), blobs }
  const engine = createLocalEngine({
    home: engineHome,
    keyPath: join(home, 'keys', 'runner.key'),
    content,
    path: env.PATH ?? '',
  })
  const consoleFolder = openConsole()
  const isRestore = values.restore !== undefined
  const interrupted = () => void end(isRestore, isRestore ? 1 : 0)
  process.on('SIGTERM', interrupted)
  process.on('SIGINT', interrupted)
  process.on('SIGHUP', () => {})

  const openState = () =>
    openStateDatabase({ home, url: env.DATABASE_URL, log, onLost: () => void end(false, 1) })

  function optionsWith(database: Database): PlatformOptions {
    return {
      home,
      version: VERSION,
      person: userInfo().username,
      database,
      clock: systemClock,
      log,
      blobs,
      consoleFolder,
      engines: { local: engine },
      bindings: {
        kubernetes: async () =>
          (await import('../engines/kubernetes/bind.ts')).kubernetesBinding({
            content,
            chart: chartFolder(),
            cache: join(home, 'charts'),
            path: env.PATH ?? '',
            credentials: dockerCredentials({
              folder: env.DOCKER_CONFIG ?? join(homedir(), '.docker'),
              toolPath: env.PATH ?? '',
              environment: env,
            }),
          }),
      },
      builders: [
        mayBuild(beyond, values)
          ? createSourceBuilder({ toolPath: env.PATH ?? '', environment: env, home: homedir() })
          : createRefusedBuilder(),
      ],
      postgresFor: async (kind) => {
        if (kind !== 'local') return null
        const { adminUrl, port: portForApps } = await forApps.get()
        return { adminUrl: adminUrl!, hostForApps: '127.0.0.1', portForApps }
      },
      toolPath: env.PATH ?? '',
      resolve: resolveName,
      build: {
        digestLayer: (tree) => layerDigests(tree.entries, blobs.read, { prefix: 'workspace' }),
        endProcess: (started) => endLeftover(started, startTimeOf),
      },
      system: {
        async parts() {
          const hello = await runner.hello().catch(() => null)
          return [
            ...(await state!.parts()),
            {
              name: 'runner',
              ok: true,
              message: hello ? 'answers' : 'not started: nothing runs yet',
              pid: hello?.pid ?? null,
            },
          ]
        },
        checks: [
          async () => {
            const server = await forApps.started()
            return server ? [await server.check()] : []
          },
        ],
        whatStops: (everything) => ['platform', ...(everything ? ['apps', 'databases'] : [])],
        // The answer to whoever asked is still on its way.
        stop: (everything) => void setTimeout(() => void end(everything, 0), 100),
      },
      backup: [serverPart({ folder: appsFolder, server: forApps, part: 'databases of apps' })],
    }
  }

  if (values.restore !== undefined) {
    try {
      await restore(values.restore)
    } finally {
      giveBackLock()
    }
    process.exit(0)
  }

  /** Into an empty home; the platform itself does not run meanwhile. */
  async function restore(file: string): Promise<void> {
    const passphrase = (await text(process.stdin)).replace(/\r?\n$/, '')
    const print = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)
    const manifest = await restoreHome({
      ...{ home, file: resolve(file), passphrase, version: VERSION },
      tell: (done, all) => print({ done, all }),
      async open() {
        state = await openState()
        const { database, close } = state
        const { parts } = await assemble(optionsWith(database))
        return {
          parts,
          async finish({ madeAt }) {
            const message = `Restored everything from the backup of ${madeAt}`
            await database.change(PLATFORM, async (change) =>
              change.event({ kind: 'platform.restored', message }),
            )
          },
          close: () => close(true),
        }
      },
    })
    print({ manifest })
  }

  try {
    state = await openState()
    platform = await createPlatform(optionsWith(state.database))
    // Apps that ran before a restart of the machine find their database again.
    void forApps.resume().catch((error) => log.error('the PostgreSQL of apps did not come back', error))
    const url = await listen(platform, port)
    const publicUrl = beyond && (await platform.listenBeyond(beyond))
    const { tokenFile } = platform
    writePlatformFile(home, { url, publicUrl, pid: process.pid, tokenFile, version: VERSION })
    log.info('the platform answers', { url, publicUrl, version: VERSION, pid: process.pid })
    // In a clone it is built now, so that nobody waits for it; without it everything else works.
    void consoleFolder({ ahead: true }).catch((error) => log.error('the console is not there', error))
    process.stdout.write(`the platform answers at ${publicUrl ? `${url} and ${publicUrl}` : url}\n`)
  } catch (error) {
    log.error('the platform did not start', error)
    await platform?.close().catch(() => {})
    await engine.close().catch(() => {})
    await state?.close(true).catch(() => {})
    giveBackLock()
    throw error
  }
}

/** What the log can't take. It often leads to a file on the same disk: where that takes nothing either, nobody is told. */
function sayAside(line: string): void {
  try {
    writeSync(process.stderr.fd, line)
  } catch {}
}

/** In the repository, or beside the published program. */
function chartFolder(): string {
  const places = ['../../charts/app', './charts/app'].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  )
  return places.find((place) => existsSync(place)) ?? places[0]!
}

function readPort(text: string | undefined): number | null {
  if (text === undefined) return null
  if (/^\d{1,5}$/.test(text) && Number(text) < 65_536) {
    if (!isRefusedByBrowsers(Number(text))) return Number(text)
    throw new TowError('USAGE', `no browser opens port ${text}: it belongs to another protocol`, {
      hint: `choose another, e.g. --port ${DEFAULT_PORT}`,
    })
  }
  throw new TowError('USAGE', `--port must be a number from 0 to 65535, not "${text}"`)
}

/** A port that was asked for is that one or none; the default gives way to the next that is free. */
async function listen(platform: Platform, asked: number | null): Promise<string> {
  if (asked !== null) return platform.listen(asked)
  for (let port = DEFAULT_PORT; ; port += 1) {
    try {
      return await platform.listen(port)
    } catch (error) {
      const isTaken = error instanceof TowError && error.code === 'CONFLICT'
      if (!isTaken || port === DEFAULT_PORT + PORTS_TRIED) throw error
    }
  }
}

/** One part that does not end must not keep the others from it. */
async function step(log: Log, work: () => unknown): Promise<void> {
  try {
    await work()
  } catch (error) {
    log.error('a part did not end in order', error)
  }
}
