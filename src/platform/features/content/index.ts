/**
 * Trees and blobs as the platform keeps them: what a client announces, what arrives, and what is thrown away when
 * nothing refers to it. A row per tree says that it is known and whether all of it is there; the tree itself is a blob
 * named by its own hash. It knows no app, and does not ask why something is kept.
 */
import type { CheckResult } from '../../../api/environments.ts'
import { TowError } from '../../../api/errors.ts'
import type { Bytes } from '../../../trees/blob-files.ts'
import type { BlobStore } from '../../../trees/blob-store.ts'
import { parseTree } from '../../../trees/check.ts'
import type { Collected } from '../../../trees/collect.ts'
import { serializeTree, type Tree, type TreeEntry } from '../../../trees/tree.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Database, Queries, Within } from '../../kernel/database.ts'
import type { Feature } from '../../kernel/feature.ts'
import { type Loop, startLoop } from '../../kernel/loop.ts'
import { blobsPart } from './backup.ts'
import { mountBlobs } from './blobs-door.ts'
import { createBlobCheck } from './check-blobs.ts'
import { collectContent, type Roots } from './collect.ts'
import { refusals } from './messages.ts'
import { announcedTree, checkLinksOf, isLoss, missingBlobs, type Upload } from './put.ts'
import { contentRoutes } from './routes.ts'
import { doubtAllTrees, forgetTrees, migrations, saveTree, useTree } from './store.ts'
import { createTreeCache } from './tree-cache.ts'
import { createTurns } from './turns.ts'

export type { Roots } from './collect.ts'

export interface ContentOptions {
  database: Database
  blobs: BlobStore
  clock: Clock
  onError: (error: unknown) => void
  /** What other features refer to; asked at every collection. */
  roots: () => Promise<Roots>
  /** What nobody refers to is kept this long after its last use. */
  graceMilliseconds?: number
  /** Between two collections. */
  collectEvery?: number
}

export interface PutAnswer {
  hash: string
  complete: boolean
  missing: string[]
  unknownBase: boolean
}

export interface Content {
  readonly blobs: BlobStore
  put(upload: Upload): Promise<PutAnswer>
  /** A tree by its hash; NOT_FOUND where the platform does not have it. */
  tree(hash: string): Promise<Tree>
  /** The tree, marked as used; NOT_FOUND where it is unknown, CONFLICT where files have yet to arrive. */
  completeTree(db: Queries | Within, hash: string): Promise<Tree>
  /** Keeps a tree whose blobs are all in the store. */
  adopt(tree: Tree): Promise<void>
  /** Keeps bytes; answers with their digest. */
  keep(content: Bytes, digest: string): Promise<void>
  /** Like `completeTree`, and every file of it was looked for just now: some may have been lost since they arrived. */
  wholeTree(db: Queries | Within, hash: string): Promise<Tree>
  /** Something of the tree could not be read: looks whether files were lost, so that they are asked for again. */
  doubt(hash: string): Promise<void>
  collect(): Promise<Collected>
  /** For `tow doctor`: reads every blob. */
  check(): Promise<CheckResult>
}

const DAY = 24 * 3600_000
/** A platform that has just started has better things to do; one that is started every day still collects. */
const FIRST_COLLECTION = 5 * 60_000
/** An answer stays small; the client sends what it was told and asks again. */
const MOST_MISSING = 20_000
const CACHED_ENTRIES = 50_000

export function createContent(options: ContentOptions): Feature<ReturnType<typeof contentRoutes>> & Content {
  const { database, blobs, clock, onError, roots } = options
  const grace = options.graceMilliseconds ?? DAY
  const cache = createTreeCache(CACHED_ENTRIES)
  /** By tree: what was missing when it was last announced. Lost with the process; then all is looked for again. */
  const awaited = new Map<string, { digests: ReadonlySet<string>; at: number }>()
  let loop: Loop | null = null
  const turns = createTurns()

  async function tree(hash: string): Promise<Tree> {
    const cached = cache.get(hash)
    if (cached) return cached
    if (!blobs.has(hash)) throw refusals.unknownTree(hash)
    const read = parseTree(blobs.readBytes(hash), `the tree ${hash.slice(0, 12)}`, { names: 'local' })
    if (read.hash !== hash) throw refusals.unknownTree(hash)
    cache.add(read)
    return read
  }

  async function save(kept: Tree, complete: boolean): Promise<void> {
    await blobs.put(serializeTree(kept), kept.hash)
    const bytes = kept.entries.reduce((sum, entry) => sum + entry.size, 0)
    const row = { hash: kept.hash, entries: kept.entries.length, bytes, complete, used_at: clock.now() }
    await saveTree(database.db, row)
    cache.add(kept)
  }

  /** A tree whose row is there; null also where its text got lost, as if it had never come. */
  async function known(hash: string): Promise<{ tree: Tree; complete: boolean } | null> {
    const row = await useTree(database.db, hash, clock.now())
    if (!row) return null
    try {
      return { tree: await tree(hash), complete: row.complete }
    } catch (error) {
      if (isLoss(error)) return null
      throw error
    }
  }

  /** What has to be looked for: what the base has, it has, and what was there a moment ago is there. */
  function unsure(announced: Tree, upload: Upload, baseIsComplete: boolean): readonly TreeEntry[] {
    if (baseIsComplete) return upload.upserts
    const last = awaited.get(upload.hash)
    if (!last || clock.now().getTime() - last.at > grace / 2) return announced.entries
    return announced.entries.filter((entry) => last.digests.has(entry.digest))
  }

  /** No tree may be taken for whole on another's word any more: each is looked at again when it is next used. */
  async function lost(): Promise<void> {
    awaited.clear()
    await doubtAllTrees(database.db)
  }

  async function put(upload: Upload): Promise<PutAnswer> {
    const { hash } = upload
    const before = await known(hash)
    if (before?.complete) return { hash, complete: true, missing: [], unknownBase: false }
    const base = upload.base === undefined ? null : upload.base === hash ? before : await known(upload.base)
    if (upload.base !== undefined && !base) return { hash, complete: false, missing: [], unknownBase: true }
    const announced = announcedTree(upload, base?.tree ?? null)
    const missing = missingBlobs(blobs, unsure(announced, upload, base?.complete ?? false))
    if (missing.length === 0) checkLinksOf(blobs, announced)
    await save(announced, missing.length === 0)
    if (missing.length === 0) awaited.delete(hash)
    else awaited.set(hash, { digests: new Set(missing), at: clock.now().getTime() })
    return {
      hash,
      complete: missing.length === 0,
      missing: missing.slice(0, MOST_MISSING),
      unknownBase: false,
    }
  }

  const content: Content = {
    blobs,
    put,
    tree,
    async completeTree(db, hash) {
      const row = await useTree(db, hash, clock.now())
      if (!row) throw refusals.unknownTree(hash)
      return row.complete ? tree(hash) : content.wholeTree(db, hash)
    },
    async wholeTree(db, hash) {
      const row = await useTree(db, hash, clock.now())
      if (!row) throw refusals.unknownTree(hash)
      const found = await tree(hash)
      if (found.entries.some((entry) => !blobs.has(entry.digest))) {
        if (row.complete) await lost()
        throw refusals.incompleteTree(hash)
      }
      if (!row.complete) {
        // What is looked at when files arrive, for a tree whose last files came without anybody asking again.
        missingBlobs(blobs, found.entries)
        checkLinksOf(blobs, found)
        await saveTree(db, { ...row, complete: true })
      }
      return found
    },
    adopt: (kept) => save(kept, true),
    async keep(bytes, digest) {
      await blobs.put(bytes, digest)
    },
    async doubt(hash) {
      try {
        await content.wholeTree(database.db, hash)
      } catch (error) {
        // That it is not whole is what was asked.
        if (!(error instanceof TowError)) throw error
      }
    },
    check: createBlobCheck({ blobs, onDamage: lost }),
    collect: () =>
      turns.alone(() =>
        collectContent({
          roots,
          forget(keep) {
            awaited.clear()
            return forgetTrees(database.db, keep, new Date(clock.now().getTime() - grace))
          },
          async read(hash) {
            try {
              return await tree(hash)
            } catch (error) {
              if (isLoss(error) || (error instanceof TowError && error.code === 'BAD_INPUT')) return null
              throw error
            }
          },
          sweep: (isReferenced) => blobs.collect(isReferenced, { olderThan: grace }),
        }),
      ),
  }

  return {
    name: 'content',
    migrations,
    routes: contentRoutes(content),
    ...content,
    mount: (server) => mountBlobs(server, content),
    backup: blobsPart(blobs, turns.hold),
    async start() {
      let next = clock.now().getTime() + FIRST_COLLECTION
      const pass = async () => {
        if (clock.now().getTime() < next) return
        next = clock.now().getTime() + (options.collectEvery ?? DAY)
        await content.collect()
      }
      loop = startLoop({ pass, interval: FIRST_COLLECTION, onError })
    },
    async stop() {
      await loop?.stop()
    },
  }
}
