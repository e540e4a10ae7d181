/**
 * The folders that builds work in, and the processes that work there. What a build started is written down before
 * anything else happens, so that a platform which died finds it again.
 */
import { appendFileSync, mkdirSync } from 'node:fs'
import { readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

export interface StartedProcess {
  pid: number
  startTime: string
}

export interface WorkFolder {
  folder: string
  source: string
  workspace: string
  started(process: StartedProcess): void
  processes(): Promise<StartedProcess[]>
  /** Gone from its place at once, deleted in the background. */
  remove(): Promise<void>
}

export interface WorkFolders {
  of(id: string): WorkFolder
  /** Ids whose folders are there. */
  list(): Promise<string[]>
  /** Deletes what was removed but not yet deleted when the platform stopped. */
  sweep(): Promise<void>
  /** Resolves when nothing is being deleted any more. */
  idle(): Promise<void>
}

export function createWorkFolders(root: string): WorkFolders {
  const work = join(root, 'work')
  const trash = join(root, 'trash')
  for (const folder of [work, trash]) mkdirSync(folder, { recursive: true, mode: 0o755 })
  const deleting = new Set<Promise<void>>()
  const discard = (folder: string) => {
    // Files of root-owned or read-only folders may resist; they are tried again at the next start.
    const task: Promise<void> = rm(folder, { recursive: true, force: true, maxRetries: 3 })
      .catch(() => {})
      .finally(() => deleting.delete(task))
    deleting.add(task)
  }

  return {
    of(id) {
      const folder = join(work, id)
      const record = join(folder, 'processes')
      const known: StartedProcess[] = []
      return {
        folder,
        source: join(folder, 'source'),
        workspace: join(folder, 'workspace'),
        started(process) {
          known.push(process)
          try {
            appendFileSync(record, `${process.pid} ${process.startTime}\n`)
          } catch {
            // A full disk: the build will fail of it soon enough, and this platform knows its processes all the same.
          }
        },
        async processes() {
          return known.length > 0 ? known : readProcesses(record)
        },
        async remove() {
          const gone = join(trash, `${id}-${process.hrtime.bigint()}`)
          try {
            await rename(folder, gone)
          } catch (error) {
            if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
            throw error
          }
          discard(gone)
        },
      }
    },
    list: () => readdir(work),
    async sweep() {
      for (const name of await readdir(trash)) discard(join(trash, name))
    },
    async idle() {
      await Promise.all(deleting)
    },
  }
}

async function readProcesses(record: string): Promise<StartedProcess[]> {
  let text: string
  try {
    text = await readFile(record, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  return text
    .split('\n')
    .map((line) => /^(\d+) (.+)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, pid, startTime]) => ({ pid: Number(pid), startTime: startTime! }))
}
