/**
 * Tells when files of a folder may have changed. Events are hints and nothing more: some are lost, some come twice, and
 * a laptop sleeps; so every few seconds it says so of everything.
 */
import { watch } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** What comes within this is one change: an editor writes a file in several steps. */
const QUIET_MS = 8
/** A checkout of thousands of files goes on for longer; it is waited for as long as it keeps coming, within this. */
const LONGEST_MS = 400
const LOOK_AGAIN_MS = 4000

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
  let paths: Set<string> | null = new Set()
  let at = 0
  let wake = () => {}
  const tell = (path: string | null) => {
    if (path !== null && isNeverShipped(path)) return
    at ||= performance.now()
    if (path === null) paths = null
    else paths?.add(path)
    wake()
  }
  const watcher = watch(root, { recursive: true, signal }, (_, name) => tell(name))
  // E.g. no watches are left: then only looking again tells.
  watcher.on('error', () => tell(null))
  return {
    async *[Symbol.asyncIterator]() {
      while (!signal.aborted) {
        if (!at) {
          await new Promise<void>((resolve) => {
            const timer = setTimeout(() => tell(null), LOOK_AGAIN_MS)
            const stop = () => {
              clearTimeout(timer)
              signal.removeEventListener('abort', stop)
              resolve()
            }
            wake = stop
            signal.addEventListener('abort', stop)
          })
        }
        for (let known = -1; paths && known !== paths.size && performance.now() - at < LONGEST_MS; ) {
          known = paths.size
          await delay(QUIET_MS, null, { signal }).catch(() => {})
        }
        if (signal.aborted) return
        const changes: Changes = { paths, at }
        paths = new Set()
        at = 0
        wake = () => {}
        yield changes
      }
    },
  }
}

const NEVER = new Set(['.git', 'node_modules', '.tow'])

function isNeverShipped(path: string): boolean {
  return path.split('/').some((segment) => NEVER.has(segment))
}
