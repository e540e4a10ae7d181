/**
 * The folder that holds everything of one platform, and the two files by which processes find each other: `lock`
 * (one platform at a time) and `platform.json` (where it answers).
 */
import { randomBytes } from 'node:crypto'
import {
  accessSync,
  chmodSync,
  constants,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { TowError } from '../../api/errors.ts'
import type { PlatformFile } from '../../api/platform-file.ts'
import { isAlive, ownIdentity, type ProcessIdentity } from './identity.ts'

/** Makes the home where it is missing. As root, apps with uids of their own pass through it, and nobody lists it. */
export function openHome(home: string): void {
  try {
    mkdirSync(home, { recursive: true })
    chmodSync(home, process.getuid?.() === 0 ? 0o711 : 0o700)
    accessSync(home, constants.R_OK | constants.W_OK | constants.X_OK)
    mkdirSync(join(home, 'logs'), { recursive: true, mode: 0o755 })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw new TowError('DISK_FULL', `no space is left for ${home}`, { hint: 'free some space', cause })
    }
    throw new TowError('UNAVAILABLE', `the platform can’t keep its data in ${home} (${code})`, {
      hint: 'set TOW_HOME to a folder of your own',
      cause,
    })
  }
}

/**
 * One platform per home. The lock of a process that is gone is taken over; CONFLICT while its owner lives. Answers how
 * to give it back.
 */
export function takeLock(home: string): () => void {
  const lock = join(home, 'lock')
  const mine = `${lock}.${process.pid}.${randomBytes(4).toString('hex')}`
  const identity = JSON.stringify(ownIdentity())
  writeFileSync(mine, identity, { mode: 0o600 })
  try {
    for (let tries = 0; tries < 20; tries += 1) {
      if (tryLink(mine, lock)) return () => giveBack(lock, identity)
      const text = readIfThere(lock)
      const owner = text === null ? null : parseIdentity(text)
      if (owner && isAlive(owner)) {
        throw new TowError('CONFLICT', `a platform already runs on ${home}, as process ${owner.pid}`, {
          hint: 'tow status; tow down stops it',
        })
      }
      if (text !== null) takeAway(lock, text)
    }
    throw new TowError('CONFLICT', `the lock ${lock} changes hands too fast`, { hint: 'try again' })
  } finally {
    rmSync(mine, { force: true })
  }
}

/** Moves a stale lock aside. If somebody else took over in between, theirs is put back where it was. */
function takeAway(lock: string, stale: string): void {
  const aside = `${lock}.stale.${process.pid}`
  try {
    renameSync(lock, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if (readIfThere(aside) !== stale) tryLink(aside, lock)
  rmSync(aside, { force: true })
}

function giveBack(lock: string, identity: string): void {
  if (readIfThere(lock) === identity) rmSync(lock, { force: true })
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** A file cut short by a crash names nobody. */
function parseIdentity(text: string): ProcessIdentity | null {
  try {
    const { pid, start } = JSON.parse(text) as Partial<ProcessIdentity>
    return typeof pid === 'number' && typeof start === 'string' ? { pid, start } : null
  } catch {
    return null
  }
}

const platformFileOf = (home: string) => join(home, 'platform.json')

/** By rename: a client reads all of it or none. */
export function writePlatformFile(home: string, file: PlatformFile): void {
  const temporary = `${platformFileOf(home)}.${process.pid}`
  writeFileSync(temporary, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o644 })
  renameSync(temporary, platformFileOf(home))
}

export function removePlatformFile(home: string): void {
  rmSync(platformFileOf(home), { force: true })
}
