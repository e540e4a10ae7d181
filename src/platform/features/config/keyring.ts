/** The key files: one key each, `<id>.key`, readable by their owner alone. */
import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { refusals } from './messages.ts'
import { KEY_BYTES } from './seal.ts'

export interface Keyring {
  /** Null when there is no such file. A file that others can read is refused. */
  read(id: string): Promise<Buffer | null>
  /** Makes a key; its file is on disk, for good, before this answers. */
  make(): Promise<{ id: string; key: Buffer }>
  /** Puts back a key that was made elsewhere. */
  put(id: string, key: Buffer): Promise<void>
  /**
   * Every key that can be read, those included whose file was removed since the start: rows read in an older snapshot
   * may still be sealed with them.
   */
  all(): Promise<Map<string, Buffer>>
  remove(id: string): Promise<void>
  ids(): Promise<string[]>
  path(id: string): string
}

const FILE = /^(k_[a-z0-9]+)\.key$/

export const isKeyId = (text: string): boolean => FILE.test(`${text}.key`)

export function createKeyring(folder: string): Keyring {
  /** Keys that were read stay usable, also when a rotation takes their file away under a reader. */
  const known = new Map<string, Buffer>()
  const path = (id: string) => join(folder, `${id}.key`)
  const keyring: Keyring = {
    path,
    async read(id) {
      const cached = known.get(id)
      if (cached) return cached
      const key = await readKey(path(id))
      if (key) known.set(id, key)
      return key
    },
    async make() {
      const id = `k_${randomBytes(8).toString('hex')}`
      const key = randomBytes(KEY_BYTES)
      await keyring.put(id, key)
      return { id, key }
    },
    async put(id, key) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await writeForGood(folder, path(id), `${key.toString('base64')}\n`)
      known.set(id, key)
    },
    async all() {
      for (const id of await keyring.ids()) await keyring.read(id)
      return new Map(known)
    },
    remove: (id) => rm(path(id), { force: true }),
    async ids() {
      const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return []
        throw error
      })
      return names.flatMap((name) => FILE.exec(name)?.[1] ?? [])
    },
  }
  return keyring
}

/** Null where there is no file. */
export async function readKey(path: string): Promise<Buffer | null> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    if (error.code === 'EACCES') throw refusals.keyUnreadable(path)
    throw error
  })
  if (!file) return null
  try {
    const { mode } = await file.stat()
    if ((mode & 0o077) !== 0) throw refusals.keyOpen(path, mode & 0o777)
    const key = Buffer.from((await file.readFile('utf8')).trim(), 'base64')
    if (key.length !== KEY_BYTES) throw refusals.keyDamaged(path)
    return key
  } finally {
    await file.close()
  }
}

async function writeForGood(folder: string, path: string, text: string): Promise<void> {
  const file = await open(`${path}.new`, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
  const directory = await open(folder, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
