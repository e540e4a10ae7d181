/** The features as one running platform: its database brought up to date, its loops, its server. */
import type { Tree } from '../trees/tree.ts'
import { assemble, type PlatformOptions } from './assemble.ts'
import type { Feature } from './kernel/feature.ts'
import type { Beyond } from './kernel/http/beyond.ts'
import { readSession } from './kernel/http/browser.ts'
import { consolePages } from './kernel/http/console.ts'
import { documentation } from './kernel/http/docs/index.ts'
import { createReplays } from './kernel/http/replays.ts'
import { createServer } from './kernel/http/server.ts'
import { type Loop, startLoop } from './kernel/loop.ts'
import { migrate } from './kernel/migrations.ts'

export interface Platform {
  tokenFile: string
  /** A tree that the platform keeps; NOT_FOUND where it has none of that hash. */
  tree(hash: string): Promise<Tree>
  /** Answers with the URL. CONFLICT where the port is taken. */
  listen(port: number): Promise<string>
  /** The same beyond loopback, afterwards. */
  listenBeyond(beyond: Beyond): Promise<string>
  /** Ends what is under way in order. Apps go on. */
  close(): Promise<void>
}

const REPLAYS_COLLECTED_EVERY = 3_600_000

/** Brings the database up to date and starts every loop; nothing answers before `listen`. */
export async function createPlatform(options: PlatformOptions): Promise<Platform> {
  const { database, clock, log } = options
  const { router, features, engines, access, authorize, isSignedIn, content, migrations, onError } =
    await assemble(options)
  const { consoleFolder } = options
  const applied = await migrate(database.db, migrations)
  if (applied.length > 0) log.info('the database is up to date', { applied: applied.join(', ') })

  const replays = createReplays({ database, now: () => clock.now() })
  const server = createServer({
    router,
    authenticator: access.authenticator,
    authorize,
    onAccessChanged: (look) => database.listen('access', look),
    replays,
    log,
    now: () => clock.now(),
    mounts: features.flatMap((feature) => (feature.mount ? [feature.mount.bind(feature)] : [])),
    pages: [
      documentation(options.version),
      ...(consoleFolder
        ? [
            consolePages({
              folder: consoleFolder,
              isSignedIn: (request) => isSignedIn(readSession(request)),
            }),
          ]
        : []),
      ...features.flatMap((feature) => (feature.page ? [feature.page.bind(feature)] : [])),
    ],
  })
  const started: Feature[] = []
  let collecting: Loop | null = null

  async function close(): Promise<void> {
    await server.close()
    await collecting?.stop()
    for (const feature of started.reverse()) await feature.stop?.()
    await engines.close()
  }

  try {
    for (const feature of features) {
      await feature.start?.()
      started.push(feature)
    }
  } catch (error) {
    await close().catch(() => {})
    throw error
  }
  collecting = startLoop({
    pass: async () => void (await replays.collect()),
    interval: REPLAYS_COLLECTED_EVERY,
    onError,
  })
  const { listen, listenBeyond } = server
  return { tokenFile: access.tokenFile, tree: content.tree, listen, listenBeyond, close }
}
