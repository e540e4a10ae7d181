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
import { connectWorkspace } from './connect.ts'

const AGAIN_MS = [100, 300, 1000, 3000]
/** A workspace that is not what it was taken for is looked at again; one that can't take a change stays so. */
const MOST_CONFLICTS = 2

/** A file was changed after it was looked at: what is wanted has to be looked at again. */
export class Outdated extends Error {}

type Workspace = Awaited<ReturnType<Client['spaces']['workspace']>>

/** The platform as it is reached now: one that starts anew may answer at another port. */
export interface Link {
  client: Client
  /** Looks for it again; the client stays where there is none. */
  renew(): Promise<void>
}

export interface FollowedApp {
  app: string
  space: string
  /** Patterns of files that don't matter, as in .gitignore. */
  ignored: string[]
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
  | { type: 'crashed'; app: string; files: number; hash: string }
  | { type: 'equal'; app: string; hash: string }
  | { type: 'differs'; app: string; paths: string[] }
  | { type: 'refused'; app: string; message: string; hint: string | undefined }
  | { type: 'away' | 'back'; app: string; message: string }

export interface Follower {
  readonly app: string
  /** Whether this change asks for a build. */
  needsBuild(tree: Tree): boolean
  /**
   * Makes the workspace equal; comes back once it is, or once the signal says to stop. False where a process ended
   * instead of starting. `at`: when it was changed.
   */
  follow(root: string, tree: Tree, at: number): Promise<boolean>
  /** The workspace went away since it was last asked: what is there instead may be something else. */
  isLost(): boolean
  /** Reads the workspace again, and mends what somebody else changed. */
  prove(root: string, tree: Tree): Promise<void>
  /** After a build: there is another set. */
  renew(shipped: Tree): Promise<void>
  close(): void
}

export async function createFollower(
  link: Link,
  { app, space, ignored }: FollowedApp,
  shipped: Tree,
  signal: AbortSignal,
  tell: (news: News) => void,
): Promise<Follower> {
  const skip = ignore().add(ignored)
  let built = shipped
  let workspace: Workspace = await link.client.spaces.workspace({ space, app })
  let holder: Holder | null = null
  let isLost = false

  /** What of the working copy belongs into the workspace: not what the build made, nor what nobody wants there. */
  function wanted(tree: Tree): Tree {
    const made = new Set(workspace.made)
    const own = subtree(tree, workspace.root)
    if (made.size === 0 && ignored.length === 0) return own
    return makeTree(own.entries.filter(({ path }) => !made.has(path) && !skip.ignores(path)))
  }

  async function connect(): Promise<Holder> {
    const claims = wanted(built).entries.map(({ path }) => path)
    const opened = await openHolder(await connectWorkspace(link.client, space, app), claims)
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
    needsBuild(tree) {
      if (tree.hash === built.hash) return false
      const digestOf = (of: Tree, path: string) => of.entries[indexOfPath(of, path)]?.digest
      if (workspace.inputs.some((path) => digestOf(built, path) !== digestOf(tree, path))) return true
      if (!workspace.compiled) return false
      const { context } = workspace
      const { added, changed, removed } = diffTrees(built, tree)
      return [...added, ...changed, ...removed].some(
        ({ path }) => context === '.' || path.startsWith(`${context}/`),
      )
    },
    async follow(root, tree, at) {
      const want = wanted(tree)
      const read = freshReader(root, tree)
      const sent = performance.now()
      const done = await throughHolder((open) => open.make(want, read))
      if (!done) return true
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
        return [...new Set([...paths, ...pathsOf(diffTrees(open.there(), want))])]
      })
      if (!paths || paths.length === 0) return
      tell({ type: 'differs', app, paths })
      holder?.close()
      holder = null
      await throughHolder((open) => open.make(want, freshReader(root, tree)))
      tell({ type: 'equal', app, hash: want.hash })
    },
    async renew(tree) {
      built = tree
      holder?.close()
      holder = null
      workspace = await link.client.spaces.workspace({ space, app })
    },
    close: () => holder?.close(),
  }
}

const pathsOf = ({ added, changed, removed }: ReturnType<typeof diffTrees>) =>
  [...added, ...changed, ...removed].map(({ path }) => path)

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
