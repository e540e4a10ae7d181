/** The platform's log on disk: JSON lines in a file that is set aside when it has grown, so that it never fills a disk. */
import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { LogEntry } from './log.ts'

const LARGEST_FILE = 5 * 1024 * 1024
const KEPT_FILES = 3

/** A log that can’t be written (a full disk) must not stop the platform: the entry goes to `fallback`. */
export function logToFile(file: string, fallback: (line: string) => void): (entry: LogEntry) => void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o755 })
  let size = sizeOf(file)
  return (entry) => {
    const line = `${JSON.stringify(entry)}\n`
    try {
      if (size > LARGEST_FILE) {
        setAside(file)
        size = 0
      }
      appendFileSync(file, line, { mode: 0o600 })
      size += line.length
    } catch {
      fallback(line)
    }
  }
}

function setAside(file: string): void {
  for (let number = KEPT_FILES - 1; number >= 1; number -= 1) {
    const older = number === 1 ? file : `${file}.${number - 1}`
    if (sizeOf(older) > 0) renameSync(older, `${file}.${number}`)
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}
