/**
 * Platforms elsewhere that somebody signed in to: their tokens, in a file of the person's own configuration that only
 * they can read. The platform on this machine needs no entry: its token lies in its home.
 */
import { chmod, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import * as z from 'zod'
import { TowError } from '../../api/errors.ts'

const Entry = z.object({ token: z.string(), person: z.string(), expiresAt: z.string() })

const Remembered = z.object({
  /** The one that commands speak to; null: the one on this machine. */
  current: z.string().nullable().default(null),
  /** By address: `https://tow.example.com:8700`. */
  platforms: z.record(z.string(), Entry).default({}),
})
export type Remembered = z.infer<typeof Remembered>

const fileOf = (configHome: string) => join(configHome, 'platforms.json')

export async function readRemembered(configHome: string): Promise<Remembered> {
  const file = fileOf(configHome)
  let text: string
  try {
    if (((await stat(file)).mode & 0o077) !== 0) {
      throw new TowError('REFUSED', `${file} holds tokens, and others can read it`, {
        hint: `chmod 600 ${file}; if others may have read it, sign out: tow logout`,
      })
    }
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { current: null, platforms: {} }
    throw error
  }
  const parsed = Remembered.safeParse(parse(text))
  if (parsed.success) return parsed.data
  throw new TowError('REFUSED', `${file} can’t be read as what tow login writes`, {
    hint: `remove it, and sign in again: tow login <url>`,
  })
}

export async function writeRemembered(configHome: string, remembered: Remembered): Promise<void> {
  const file = fileOf(configHome)
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const temporary = `${file}.${process.pid}`
  await writeFile(temporary, `${JSON.stringify(remembered, null, 2)}\n`, { mode: 0o600, flush: true })
  // What a process of the same number left behind may have had another mode.
  await chmod(temporary, 0o600)
  await rename(temporary, file)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** `tow.example.com:8700/` becomes `https://tow.example.com:8700`. */
export function platformUrl(text: string): string {
  const written = /^https?:\/\//i.test(text) ? text : `https://${text}`
  const isUrl = URL.canParse(written)
  const url = isUrl ? new URL(written) : null
  if (url && url.username === '' && url.password === '' && url.search === '' && url.pathname === '/')
    return url.origin
  throw new TowError('USAGE', `${JSON.stringify(text)} is no address of a platform`, {
    hint: 'tow login https://tow.example.com:8700',
  })
}
