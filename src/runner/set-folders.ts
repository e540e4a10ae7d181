/** Removes the folders of sets that were known here and that nobody needs any more. */
import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DesiredSet } from './shapes.ts'

const UNUSED = 24 * 3_600_000

export interface SetFolders {
  /** `running` are ids of sets that something still runs of. */
  collect(needed: DesiredSet[], running: ReadonlySet<string>): void
  /** Removes folders that were laid out more than a day ago and never came into use. */
  sweep(now: number): void
}

/** `parent` is where sets of the target are laid out: nothing outside of it is ever removed. */
export function watchSetFolders(parent: string, first: DesiredSet[]): SetFolders {
  let busy: ReadonlySet<string> = new Set()
  let known = new Map(first.map((set) => [set.workspace, set.id]))

  function discard(workspace: string): void {
    if (dirname(workspace) !== parent) return
    const trash = `${workspace}.gone-${randomBytes(3).toString('hex')}`
    try {
      renameSync(workspace, trash)
    } catch {
      return
    }
    setImmediate(() => rmSync(trash, { recursive: true, force: true }))
  }

  return {
    collect(needed, running) {
      busy = running
      const wanted = new Set(needed.map((set) => set.workspace))
      for (const set of needed) known.set(set.workspace, set.id)
      const kept = new Map<string, string>()
      for (const [workspace, id] of known) {
        if (wanted.has(workspace) || running.has(id)) kept.set(workspace, id)
        else discard(workspace)
      }
      known = kept
    },
    sweep(now) {
      const names = existsSync(parent) ? readdirSync(parent) : []
      for (const name of names) {
        const workspace = `${parent}/${name}`
        const age = now - (statSync(workspace, { throwIfNoEntry: false })?.ctimeMs ?? now)
        if (age > UNUSED && !known.has(workspace) && !busy.has(name)) discard(workspace)
      }
    },
  }
}
