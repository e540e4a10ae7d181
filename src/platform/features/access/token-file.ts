/** The token of the one local person: a file that only they can read. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { chmod, open, readFile, rename, stat } from 'node:fs/promises'
import { TowError } from '../../../api/errors.ts'

/** Reads the token, or makes one. A file that others can read is closed to them, with a new token in it. */
export async function openToken(file: string): Promise<string> {
  let mode: number
  try {
    mode = (await stat(file)).mode
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return makeToken(file)
    throw unreadable(file, error)
  }
  // Whoever could read it may have: the old token is worth nothing any more.
  if ((mode & 0o077) !== 0) return makeToken(file)
  const token = await readFile(file, 'utf8').then(
    (text) => text.trim(),
    (error) => {
      throw unreadable(file, error)
    },
  )
  return token.length >= 32 ? token : makeToken(file)
}

async function makeToken(file: string): Promise<string> {
  const token = `tow_${randomBytes(32).toString('base64url')}`
  const temporary = `${file}.${process.pid}`
  const handle = await open(temporary, 'w', 0o600)
  try {
    await handle.writeFile(`${token}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await chmod(temporary, 0o600)
  await rename(temporary, file)
  return token
}

/** Compared by digests of equal length, so that timing tells nothing of the token. */
export function isToken(known: string, given: string): boolean {
  return timingSafeEqual(digest(known), digest(given))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function unreadable(file: string, cause: unknown): TowError {
  return new TowError('UNAVAILABLE', `the token file ${file} can’t be read`, {
    hint: `chown ${process.getuid?.() ?? '$(id -u)'} ${file}`,
    cause,
  })
}
