/**
 * A backup into an empty home. The whole file is read and verified before anything is written; a file in the home says
 * that a restore is under way, so that one which was killed is never taken for a platform's home.
 */
import { createReadStream, existsSync, readdirSync, rmSync } from 'node:fs'
import { rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TowError } from '../api/errors.ts'
import { type Manifest, readBackup } from '../backups/file.ts'
import { refusals } from '../backups/messages.ts'
import { flushDisk } from '../trees/blob-files.ts'
import type { BackupPart, RestoringPart } from './kernel/backup.ts'
import { stopServerOf } from './kernel/postgres/postgres.ts'

/** Named in the message about it; a platform does not start while it is there. */
const MARK = 'restore-unfinished'
/** What others than a platform write there: the lock of whoever restores, logs, what the command line remembers. */
const NOT_DATA = /^(lock(\..*)?|logs|cli)$/

export interface RestoreOptions {
  home: string
  file: string
  passphrase: string
  version: string
  /** Bytes of the file that were read, of all that will be. */
  tell: (done: number, all: number) => void
  /** Opens the database and puts the features together; nothing of it runs. */
  open: () => Promise<{
    parts: readonly BackupPart[]
    /** Called once all is in place. */
    finish: (manifest: Manifest) => Promise<void>
    close: () => Promise<void>
  }>
}

/** Throws where a restore was begun and not finished. */
export function refuseUnfinished(home: string): void {
  if (!existsSync(join(home, MARK))) return
  throw new TowError('REFUSED', `a restore into ${home} was begun and not finished`, {
    hint: 'tow restore <file> begins anew; nothing of the backup itself was changed',
  })
}

/** Throws where the home holds a platform's data. */
export function refuseUsed(home: string): void {
  if (!existsSync(home) || existsSync(join(home, MARK))) return
  const found = readdirSync(home).filter((name) => !NOT_DATA.test(name))
  if (found.length === 0) return
  throw new TowError('CONFLICT', `${home} holds a platform’s data already: ${found.slice(0, 4).join(', ')}`, {
    hint: 'TOW_HOME=<an empty folder> tow restore <file>',
  })
}

/** The caller holds the lock of the home. */
export async function restoreHome(options: RestoreOptions): Promise<Manifest> {
  const { home, open } = options
  refuseUsed(home)
  const { size } = await stat(options.file).catch((error) => {
    throw refusals.unreadable(options.file, error)
  })
  const manifest = await readBackup(reading(options, 0, 2 * size), { ...options, name: options.file })
  await wipe(home)
  await writeFile(join(home, MARK), `${options.file}\n`, { flush: true })
  try {
    const opened = await open()
    try {
      await restoreParts(opened.parts, manifest, options, size)
      await opened.finish(manifest)
    } finally {
      await opened.close()
    }
  } catch (error) {
    await wipe(home)
    throw error
  }
  await flushDisk(home)
  await rm(join(home, MARK))
  return manifest
}

async function restoreParts(
  parts: readonly BackupPart[],
  manifest: Manifest,
  options: RestoreOptions,
  size: number,
): Promise<void> {
  const restoring = new Map<string, RestoringPart>()
  for (const { name, about } of manifest.parts) {
    const part = parts.find((one) => one.name === name)?.restore()
    if (!part) throw refusals.newer(options.file, manifest.madeBy, options.version)
    await part.check(about)
    restoring.set(name, part)
  }
  try {
    await readBackup(reading(options, size, 2 * size), {
      ...options,
      name: options.file,
      take: (part, file, content) => restoring.get(part)!.take(file, content),
    })
    // The database last: with its commit the restore is done.
    for (const part of [...restoring.values()].reverse()) await part.finish()
  } catch (error) {
    for (const part of restoring.values()) await part.cancel().catch(() => {})
    throw error
  }
}

async function* reading(
  { file, tell }: RestoreOptions,
  before: number,
  all: number,
): AsyncGenerator<Uint8Array> {
  let done = before
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) {
    done += chunk.length
    tell(done, all)
    yield chunk
  }
}

/** Takes away what an unfinished restore has put there, its servers first; the mark goes last. */
async function wipe(home: string): Promise<void> {
  for (const name of ['postgres', 'postgres-apps']) await stopServerOf(join(home, name))
  const names = readdirSync(home).filter((name) => !NOT_DATA.test(name) && name !== MARK)
  for (const name of names) rmSync(join(home, name), { recursive: true, force: true })
  rmSync(join(home, MARK), { force: true })
}
