/** One runner per home. A lock whose owner is gone is taken over. */
import { linkSync, rmSync, writeFileSync } from 'node:fs'
import { TowError } from '../api/errors.ts'
import { readJson } from './durable.ts'
import { isSame, startOf } from './shim/identity.ts'
import type { ProcessIdentity } from './shim/spec.ts'

/** Throws CONFLICT while another runner has it. Answers how to give it back. */
export function takeLock(path: string): () => void {
  const mine = `${path}.${process.pid}`
  const identity: ProcessIdentity = { pid: process.pid, start: startOf(process.pid) ?? '' }
  writeFileSync(mine, JSON.stringify(identity), { mode: 0o600 })
  try {
    for (let tries = 0; tries < 3; tries++) {
      try {
        linkSync(mine, path)
        return () => rmSync(path, { force: true })
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
      const owner = readJson<ProcessIdentity>(path)
      if (owner && isSame(owner)) {
        throw new TowError('CONFLICT', `a runner for this home is there already, as process ${owner.pid}`)
      }
      rmSync(path, { force: true })
    }
    throw new TowError('CONFLICT', `the lock ${path} changes hands too fast`)
  } finally {
    rmSync(mine, { force: true })
  }
}

/** True while a runner has it, whether it answers yet or not. */
export function isLocked(path: string): boolean {
  const owner = readJson<ProcessIdentity>(path)
  return owner !== undefined && isSame(owner)
}
