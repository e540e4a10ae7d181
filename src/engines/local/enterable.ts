/** May a user that owns nothing go to this path? Asked for apps that run as a user of their own. */
import { statSync } from 'node:fs'
import { dirname } from 'node:path'

/** The first folder on the way that others cannot enter, or the file itself if they cannot read and run it; else null. */
export function closedTo(path: string): string | null {
  return closedFolder(dirname(path)) ?? (allows(path, 0o005) ? null : path)
}

/** The first folder, down to and with this one, that others cannot enter; null where they can. */
export function closedFolder(folder: string): string | null {
  const steps: string[] = []
  for (let one = folder; ; one = dirname(one)) {
    steps.unshift(one)
    if (one === dirname(one)) break
  }
  return steps.find((step) => !allows(step, 0o001)) ?? null
}

function allows(path: string, bits: number): boolean {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats !== undefined && (stats.mode & bits) === bits
}
