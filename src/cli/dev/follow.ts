/**
 * One app that is developed: keeps its workspace in the space equal to the working copy. What the platform says decides
 * what may be sent as it is; a file that decides about the build, and every change of what is compiled, is shipped anew.
 */
import { setTimeout as delay } from 'node:timers/promises'
import ignore from 'ignore'
import { TowError } from '../../api/errors.ts'
import type { Client } from '../../client/client.ts'
import { diffTrees } from '../../trees/diff.ts'
import { indexOfPath, makeTree, subtree, type Tree } from '../../trees/tree.ts'
import { workingCopyReader } from '../../trees/working-copy-reader.ts'
import { type Holder, openHolder } from '../../workspace/holder.ts'
import type { Link } from '../link.ts'
import { connectStream } from '../stream.ts'

/** Within this a workspace says what lies there, of 20,000 files too. */
const WELCOME_MS = 20_000
const AGAIN_MS = [100, 300, 1000, 3000]
/** A workspace that is not what it was taken for is looked at again; one that can't take a change stays so. */
const MOST_CONFLICTS = 2

/** A file was changed after it was looked at: what is wanted has to be looked at again. */
export class Outdated extends Error {}

type Workspace = Awaited<ReturnType<Client['spaces']['workspace']>>

/** Patterns as in .gitignore, from the root of the workspace. */
export interface FollowingRules {
  /** What travels as it is, anything else being built; null: whatever the build leaves as it is. */
  sync: string[] | null
  /** What alone restarts a process; null: everything. */
  restart: string[] | null
  /** What doesn't matter. */
  ignore: string[]
}

export interface FollowedApp {
  app: string
  space: string
  rules: FollowingRules
}

export type News =
  | {
      type: 'live'
      app: string
      files: number
      milliseconds: number
      hash: string
      phases: Record<string, number>
    }
  | { type: 'built'; app: string; paths: string[]; milliseconds: number }
  | { type: 'crashed'; app: string; files: number; hash: string }
  | { type: 'equal'; app: string; hash: string }
  | { type: 'differs'; app: string; paths: string[] }
  | { type: 'refused'; app: string; message: string; hint: string | undefined }
  | { type: 'away' | 'back'; app: string; message: string }
  | { type: 'env'; app: string; file: string; keys: string[]; set: string[]; given: string[] }

export interface Follower {
  readonly app: string
  /** As the platform and the workspace tell of it. */
  workspace(): Pick<Workspace, 'root' | 'debug'> & { folder: string | undefined }
  /** The changes that ask for a build. */
  needBuild(tree: Tree): string[]
  /**
   * Makes the workspace equal; comes back once it is, or once the signal says to stop. False where a process ended
   * instead of starting. `at`: when it was changed.
   */
  follow(root: string, tree: Tree, at: number): Promise<boolean>
  /** The workspace went away since it was last asked: what is there instead may be something else. */
  isLost(): boolean
  /** Reads the workspace again, and mends what somebody else changed. */
  prove(root: string, tree: Tree): Promise<void>
  /** After a build: there is another set, and perhaps other rules. */
  renew(shipped: Tree, rules: FollowingRules): Promise<void>
  close(): void
}

export async function createFollower(
  link: Link,
  { app, space, rules }: FollowedApp,
  shipped: Tree,
  signal: AbortSignal,
  tell: (news: News) => void,
): Promise<Follower> {
  let { isIgnored, isSynced, restarts } = matchersOf(rules)
  let built = shipped
  let workspace: Workspace = await link.client.spaces.workspace({ space, app })
  let holder: Holder | null = null
  let isLost = false
  /** One that ended is started by any change. */
  let hasEnded = false

  /** What of the working copy belongs into the workspace: not what the build made, nor what nobody wants there. */
  function wanted(tree: Tree): Tree {
    const made = new Set(workspace.made)
    const own = subtree(tree, workspace.root)
    const travels = (path: string) => !made.has(path) && !isIgnored(path) && isSynced?.(path) !== false
    return makeTree(own.entries.filter(({ path }) => travels(path)))
  }

  async function connect(): Promise<Holder> {
    const claims = wanted(built).entries.map(({ path }) => path)
    const path = `/spaces/${space}/apps/${app}/workspace/stream` as const
    const stream = await connectStream(link.client, path, `the workspace of ${app}`)
    // A way that was cut off behind the platform may tell nothing of it.
    const late = setTimeout(() => stream.destroy(), WELCOME_MS)
    const opened = await openHolder(stream, claims).finally(() => clearTimeout(late))
    isLost = false
    void opened.closed.then(() => {
      if (holder === opened) isLost = true
    })
    return opened
  }

  /** Tries until it is through: a platform that restarts, a laptop that slept, a pod that moved are no end of it. */
  async function throughHolder<Value>(use: (holder: Holder) => Promise<Value>): Promise<Value | null> {
    for (let tries = 0, conflicts = 0; !signal.aborted; tries++) {
      try {
        holder ??= await connect()
        const value = await use(holder)
        if (tries > 1) tell({ type: 'back', app, message: 'connected again' })
        return value
      } catch (error) {
        if (error instanceof Outdated) throw error
        holder?.close()
        holder = null
        if (!(error instanceof TowError)) throw error
        if (error.code === 'CONFLICT' ? ++conflicts > MOST_CONFLICTS : error.code !== 'UNAVAILABLE')
          throw error
        if (tries === 1) tell({ type: 'away', app, message: `${error.message}; it is tried again` })
        await delay(AGAIN_MS[Math.min(tries, AGAIN_MS.length - 1)], null, { signal }).catch(() => {})
        if (error.code === 'UNAVAILABLE') await link.renew()
      }
    }
    return null
  }

  return {
    app,
    workspace: () => ({ ...workspace, folder: holder?.folder }),
    needBuild(tree) {
      if (tree.hash === built.hash) return []
      const { context, root, inputs } = workspace
      const digestOf = (of: Tree, path: string) => of.entries[indexOfPath(of, path)]?.digest
      const decisive = inputs.filter((path) => digestOf(built, path) !== digestOf(tree, path))
      if (decisive.length > 0 || (!workspace.compiled && !isSynced)) return decisive
      return changedPaths(built, tree).filter((path) => {
        if (!isWithin(path, context)) return false
        const inWorkspace = isWithin(path, root) ? path.slice(root === '.' ? 0 : root.length + 1) : null
        return inWorkspace === null || !(isIgnored(inWorkspace) || isSynced?.(inWorkspace))
      })
    },
    async follow(root, tree, at) {
      const want = wanted(tree)
      const read = freshReader(root, tree)
      const sent = performance.now()
      const done = await throughHolder((open) => {
        const restart = hasEnded || changedPaths(open.there(), want).some(restarts)
        return open.make(want, read, { restart })
      })
      if (!done) return true
      hasEnded = done.ended.length > 0
      const { hash, files, ended, milliseconds } = done
      if (hash !== want.hash)
        throw new TowError('CONFLICT', `the workspace of ${app} says ${hash}, not ${want.hash}`)
      const phases = { scan: sent - at, ...milliseconds }
      if (ended.length > 0) tell({ type: 'crashed', app, files, hash })
      else tell({ type: 'live', app, files, hash, phases, milliseconds: performance.now() - at })
      return ended.length === 0
    },
    isLost: () => isLost,
    async prove(root, tree) {
      const want = wanted(tree)
      const paths = await throughHolder(async (open) => {
        const { paths } = await open.verify()
        // What lies in one that was connected to anew was never sent there by this one.
        return [...new Set([...paths, ...changedPaths(open.there(), want)])]
      })
      if (!paths || paths.length === 0) return
      tell({ type: 'differs', app, paths })
      holder?.close()
      holder = null
      await throughHolder((open) => open.make(want, freshReader(root, tree)))
      tell({ type: 'equal', app, hash: want.hash })
    },
    async renew(tree, changedRules) {
      built = tree
      ;({ isIgnored, isSynced, restarts } = matchersOf(changedRules))
      hasEnded = false
      holder?.close()
      holder = null
      workspace = await link.client.spaces.workspace({ space, app })
    },
    close: () => holder?.close(),
  }
}

function matchersOf({ ignore, sync, restart }: FollowingRules) {
  return {
    isIgnored: matcherOf(ignore),
    isSynced: sync === null ? null : matcherOf(sync),
    restarts: restart === null ? () => true : matcherOf(restart),
  }
}

function matcherOf(patterns: readonly string[]): (path: string) => boolean {
  const rules = ignore().add(patterns)
  return (path) => rules.ignores(path)
}

const isWithin = (path: string, folder: string) => folder === '.' || path.startsWith(`${folder}/`)

function changedPaths(from: Tree, to: Tree): string[] {
  const { added, changed, removed } = diffTrees(from, to)
  return [...added, ...changed, ...removed].map(({ path }) => path)
}

function freshReader(root: string, tree: Tree): (digest: string) => AsyncIterable<Uint8Array> {
  const read = workingCopyReader(root, tree)
  return async function* fresh(digest) {
    try {
      yield* read(digest)
    } catch (cause) {
      throw new Outdated('a file was changed after it was looked at', { cause })
    }
  }
}
