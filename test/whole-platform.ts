/** The platform as main.ts puts it together, in this process: every feature and every door, over a model engine. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Client, createClient } from '../src/client/client.ts'
import type { PlatformOptions } from '../src/platform/assemble.ts'
import { createLog, type LogEntry } from '../src/platform/kernel/log.ts'
import { createPlatform, type Platform } from '../src/platform/platform.ts'
import { createBlobStore } from '../src/trees/blob-store.ts'
import { storeFolder } from '../src/trees/store-folder.ts'
import { openTestDatabase, type TestDatabase } from './database.ts'
import { createModelEngine, type ModelEngine } from './model-engine.ts'
import { modelPlatform } from './platform.ts'
import { createTestBuilder } from './ships-fixture.ts'

export interface WholePlatform {
  home: string
  url: string
  database: Pick<TestDatabase, 'database' | 'db' | 'close'>
  /** Of the person who started it, its administrator. */
  token: string
  client: Client
  engine: ModelEngine
  /** Everything that the platform logged. */
  logged: LogEntry[]
  listenBeyond: Platform['listenBeyond']
  /** Ends the platform and starts another over the same home and database; `url` and `client` are then others. */
  restart(): Promise<void>
  /** Keeps files as a tree that the platform knows; answers with its hash. */
  tree(files: Record<string, string>): Promise<string>
  /** Ships a folder of files and waits until it is live, or has failed. */
  ship(files: Record<string, string>, folderName?: string): Promise<string>
  close(): Promise<void>
}

/**
 * `ada` has started it. The time of engine and platform goes on by itself, ten times as fast; or, `still`, only by
 * `engine.advance`. Closing it closes the database, which is one of the test run's server unless another is given.
 */
export async function openWholePlatform({
  still = false,
  database: given,
  consoleFolder,
}: {
  still?: boolean
  /** Of the built console; without it there is none. */
  consoleFolder?: () => Promise<string>
  database?: Pick<TestDatabase, 'database' | 'db' | 'close'>
} = {}): Promise<WholePlatform> {
  const database = given ?? (await openTestDatabase())
  const home = await mkdtemp(join(tmpdir(), 'tow-whole-'))
  const blobs = createBlobStore(join(home, 'blobs'))
  const engine = createModelEngine()
  const logged: LogEntry[] = []
  const options: PlatformOptions = {
    ...modelPlatform({ home, database: database.database, engine }),
    version: '1.2.3',
    clock: { now: () => new Date(engine.world.now()) },
    log: createLog((entry) => logged.push(entry)),
    blobs,
    builders: [createTestBuilder()],
    ...(consoleFolder ? { consoleFolder } : {}),
    signIn: { passwordCost: { N: 2 ** 10, r: 8, p: 1 } },
    build: {
      digestLayer: async ({ hash }) => ({ diffId: `sha256:${hash}`, digest: `sha256:${hash}`, size: 1 }),
      endProcess: async () => {},
    },
  }
  let platform = await createPlatform(options)
  const url = await platform.listen(0)
  const token = (await readFile(platform.tokenFile, 'utf8')).trim()
  const client = createClient({ url, token })
  const time = setInterval(() => engine.advance(still ? 0 : 100), 10)

  async function tree(files: Record<string, string>): Promise<string> {
    const folder = await mkdtemp(join(home, 'source-'))
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await writeFile(join(folder, path), text)
    }
    const { tree: kept } = await storeFolder(folder, blobs)
    await whole.client.trees.put({ hash: kept.hash, upserts: [...kept.entries], removals: [] })
    return kept.hash
  }

  const whole: WholePlatform = {
    ...{ home, url, token, client, database, engine, logged },
    listenBeyond: platform.listenBeyond,
    async restart() {
      await platform.close()
      platform = await createPlatform(options)
      whole.url = await platform.listen(0)
      whole.client = createClient({ url: whole.url, token })
    },
    tree,
    async ship(files, folderName = 'shop') {
      const { id } = await whole.client.ships.start({ tree: await tree(files), folderName })
      for await (const update of await whole.client.ships.follow({ id })) {
        if (update.type === 'ship' && update.ship.state !== 'running') break
      }
      return id
    },
    async close() {
      clearInterval(time)
      await platform.close()
      await database.close()
      await rm(home, { recursive: true, force: true })
    },
  }
  return whole
}
