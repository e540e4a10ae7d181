/** The logs of one target: where each process writes, what the runner itself has to say, and how much is kept. */
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs'
import { parseLine, safeText } from '../shim/lines.ts'
import { openSegments, type SegmentWriter, segmentNames } from '../shim/segments.ts'
import { logFolderName, parseLogFolder } from './layout.ts'

const TARGET_BYTES = 128 * 1024 * 1024
/** Of instances that ended; a process that crashes for weeks leaves one each minute. */
const ENDED_INSTANCES = 500
const OWN_LIMITS = { segmentBytes: 256 * 1024, totalBytes: 1024 * 1024 }
const LAST_LINES = 20

interface Writer {
  id: string
  release: number
  process: string
}

export interface TargetLogs {
  folderFor(writer: Writer): string
  /** A line of the platform's own, beside those of the process. */
  say(about: { release: number; process: string }, text: string): void
  /** The newest lines of one process, oldest first. */
  lastLines(id: string): string[]
  /** Removes the oldest files beyond what a target may keep; `live` are the ids that still write. */
  collect(live: ReadonlySet<string>): void
  close(): void
  remove(): void
}

export function openTargetLogs(folder: string): TargetLogs {
  const writers = new Map<string, SegmentWriter>()

  return {
    folderFor: ({ id, release, process }) => `${folder}/${logFolderName({ release, process, instance: id })}`,
    say({ release, process }, text) {
      const instance = `${process}.tow-v${release}`
      const name = logFolderName({ release, process, instance })
      try {
        const writer = writers.get(name) ?? openSegments(`${folder}/${name}`, OWN_LIMITS)
        writers.set(name, writer)
        writer.append('p', [safeText(Buffer.from(text.replaceAll('\n', ' ')))])
      } catch {
        // A full disk keeps nothing; the same words are in what is observed.
      }
    },
    lastLines(id) {
      const name = listFolders(folder).find((one) => parseLogFolder(one)?.instance === id)
      if (name === undefined) return []
      const lines: string[] = []
      for (const segment of segmentNames(`${folder}/${name}`).reverse()) {
        const text = readFileSync(`${folder}/${name}/${segment}`, 'utf8')
        lines.unshift(...text.split('\n').flatMap((row) => parseLine(row)?.text ?? []))
        if (lines.length >= LAST_LINES) break
      }
      return lines.slice(-LAST_LINES)
    },
    collect(live) {
      const files = listFolders(folder).flatMap((name) =>
        segmentNames(`${folder}/${name}`).flatMap((segment, index, all) => {
          const path = `${folder}/${name}/${segment}`
          const facts = statSync(path, { throwIfNoEntry: false })
          const busy =
            index === all.length - 1 && (live.has(parseLogFolder(name)?.instance ?? '') || writers.has(name))
          return facts
            ? [{ path, folder: `${folder}/${name}`, size: facts.size, at: facts.mtimeMs, busy }]
            : []
        }),
      )
      let total = files.reduce((sum, file) => sum + file.size, 0)
      for (const file of files.sort((a, b) => a.at - b.at)) {
        if (total <= TARGET_BYTES) break
        if (file.busy) continue
        rmSync(file.path, { force: true })
        total -= file.size
        try {
          rmdirSync(file.folder)
        } catch {}
      }
      const ended = new Map<string, number>()
      for (const { folder: one, at } of files) if (existsSync(one)) ended.set(one, at)
      for (const { folder: one, busy } of files) if (busy) ended.delete(one)
      const oldestFirst = [...ended].sort((a, b) => a[1] - b[1]).map(([one]) => one)
      for (const one of oldestFirst.slice(0, -ENDED_INSTANCES)) rmSync(one, { recursive: true, force: true })
    },
    close() {
      for (const writer of writers.values()) writer.close()
      writers.clear()
    },
    remove() {
      for (const writer of writers.values()) writer.close()
      writers.clear()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function listFolders(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
