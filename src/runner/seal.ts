/**
 * Seals what holds secrets with the key file that the platform and the runner share, so that the runner can go on
 * after a reboot without the platform.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { TowError } from '../api/errors.ts'
import { flushFolder } from './durable.ts'

const KEY_BYTES = 32

export interface Seal {
  seal(text: string): string
  /** Throws FAILED when it was sealed with another key or has been changed. */
  open(sealed: string): string
}

/** Reads the key, or makes one (mode 0600) where there is none. */
export function openSeal(keyPath: string): Seal {
  // Hashed with a name, so that this use of a shared key never meets another use of it.
  const key = createHash('sha256').update('towpath runner state\0').update(readOrMakeKey(keyPath)).digest()
  return {
    seal(text) {
      const nonce = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', key, nonce)
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64')
    },
    open(sealed) {
      const bytes = Buffer.from(sealed, 'base64')
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12))
        decipher.setAuthTag(bytes.subarray(12, 28))
        return decipher.update(bytes.subarray(28), undefined, 'utf8') + decipher.final('utf8')
      } catch (cause) {
        throw new TowError('FAILED', `what the runner kept cannot be read with the key ${keyPath}`, {
          hint: 'put back the key file that was used before',
          cause,
        })
      }
    },
  }
}

function readOrMakeKey(path: string): Buffer {
  try {
    const key = readFileSync(path)
    // Of an empty file anybody could make the same key.
    if (key.length !== KEY_BYTES) throw damagedKey(path)
    return key
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const mine = `${path}.${process.pid}`
  writeFileSync(mine, randomBytes(KEY_BYTES), { mode: 0o600, flush: true })
  try {
    // A link fails where another process was first; a rename would replace its key.
    linkSync(mine, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(mine)
  }
  flushFolder(dirname(path))
  return readFileSync(path)
}

function damagedKey(path: string): TowError {
  return new TowError('FAILED', `the key file ${path} is damaged`, {
    hint: `put it back from a copy, or take it away (rm ${path}): the platform then tells the runner everything anew`,
  })
}
