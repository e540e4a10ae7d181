/**
 * Tells when files of a folder may have changed. Events are hints and nothing more: some are lost, some come twice, and
 * a laptop sleeps; so every few seconds it says so of everything.
 */
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { askGit } from '../../trees/git.ts'
import { watchEvents } from './watch-events.ts'

/** What comes within this is one change: an editor writes a file in several steps. */
const QUIET_MS = 5
const LONGEST_MS = 400
/** While Git writes files: a checkout of thousands of them is one change. */
const GIT_QUIET_MS = 100
const GIT_LONGEST_MS = 10_000
const LOOK_AGAIN_MS = 4000
/** Where looking at everything takes long, it is done more rarely: it costs one part of so many. */
const LOOK_AGAIN_SHARE = 20

export interface Changes {
  /** Paths relative to the folder; null where anything may have changed. */
  paths: ReadonlySet<string> | null
  /** When the first of them was told, on the clock of `performance.now`. */
  at: number
}

/**
 * From now on, whenever something may have changed, until the signal. What changes while a change is being looked at is
 * told with the next one.
 */
export function watchFolder(root: string, signal: AbortSignal): AsyncIterable<Changes> {
  let paths = new Set<string>()
  let isAny = false
  let at = 0
  let lookAgainMs = LOOK_AGAIN_MS
  let wake = () => {}
  const tell = (path: string | null) => {
    at ||= performance.now()
    if (path === null) isAny = true
    else paths.add(path)
    wake()
  }
  const lock = lockOf(root)
  watchEvents(root, signal, tell)

  async function somethingTold(): Promise<void> {
    if (at || signal.aborted) return
    await new Promise<void>((told) => {
      const timer = setTimeout(() => tell(null), lookAgainMs)
      const stop = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', stop)
        told()
      }
      wake = stop
      signal.addEventListener('abort', stop)
    })
  }

  async function nothingMoreTold(): Promise<void> {
    for (let known = -1; known !== paths.size && !signal.aborted; ) {
      known = paths.size
      const isGit = await lock.then(isThere)
      if (performance.now() - at > (isGit ? GIT_LONGEST_MS : LONGEST_MS)) return
      await delay(isGit ? GIT_QUIET_MS : QUIET_MS, null, { signal }).catch(() => {})
    }
  }

  return {
    async *[Symbol.asyncIterator]() {
      while (!signal.aborted) {
        await somethingTold()
        if (paths.size > 0) await nothingMoreTold()
        if (signal.aborted) return
        const changes: Changes = { paths: isAny ? null : paths, at }
        paths = new Set()
        isAny = false
        at = 0
        wake = () => {}
        const began = performance.now()
        yield changes
        if (changes.paths === null)
          lookAgainMs = Math.max(LOOK_AGAIN_MS, LOOK_AGAIN_SHARE * (performance.now() - began))
      }
    },
  }
}

/** The file that Git keeps for as long as it writes others; null where there is no repository. */
async function lockOf(root: string): Promise<string | null> {
  const { code, stdout } = await askGit(root, ['rev-parse', '--git-path', 'index.lock'])
  return code === 0 ? resolve(root, stdout.toString().trim()) : null
}

function isThere(file: string | null): boolean {
  return file !== null && statSync(file, { throwIfNoEntry: false }) !== undefined
}
