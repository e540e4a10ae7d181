/**
 * The file beside an app that says what differs for whoever develops it. It goes to the platform sealed, for the space
 * alone; its values are never shown, and it never travels with the source.
 */
import { readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { parseEnv } from 'node:util'
import { TowError } from '../../api/errors.ts'
import type { Client } from '../../client/client.ts'
import { askGit } from '../../trees/git.ts'

const USUAL = '.env'
const MOST_BYTES = 256 * 1024

/** By app; empty where there is no such file. */
export type EnvValues = Record<string, Record<string, string>>

export interface EnvFiles {
  read(): Promise<EnvValues>
  /** Relative to the root of the working copy. */
  nameOf(app: { path: string }): string
}

/** `named`: one for all of them, which has to be there; else the one in each app's own folder. */
export function envFilesOf(
  root: string,
  apps: readonly { name: string; path: string }[],
  named: string | null,
): EnvFiles {
  const fileOf = ({ path }: { path: string }) => named ?? join(root, path, USUAL)
  return {
    async read() {
      const entries = apps.map(
        async (app) => [app.name, await readValues(fileOf(app), named !== null)] as const,
      )
      return Object.fromEntries(await Promise.all(entries))
    },
    nameOf: (app) => relative(root, fileOf(app)),
  }
}

async function readValues(file: string, mustBeThere: boolean): Promise<Record<string, string>> {
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (!mustBeThere && (cause.code === 'ENOENT' || cause.code === 'EISDIR')) return ''
    throw new TowError('NOT_FOUND', `${file} can't be read`, { cause })
  })
  if (text.length > MOST_BYTES)
    throw new TowError('TOO_LARGE', `${file} is more than ${MOST_BYTES / 1024} KB`)
  return Object.fromEntries(Object.entries(parseEnv(text)).map(([key, value]) => [key, value ?? '']))
}

export interface TakenOver {
  keys: string[]
  /** Set for the space by somebody, which counts more. */
  set: string[]
  /** Only the platform knows them here. */
  given: string[]
}

/** What became of the keys of a file, as the platform tells. */
export async function takenOver(
  client: Client,
  { space, app }: { space: string; app: string },
  values: Record<string, string>,
): Promise<TakenOver> {
  const entries = await client.spaces.config({ space, app })
  const isFrom = (key: string, source: string) =>
    entries.some((entry) => entry.key === key && entry.source === source)
  const keys = Object.keys(values)
  return {
    keys: keys.filter((key) => isFrom(key, 'file')),
    set: keys.filter((key) => isFrom(key, 'set')),
    given: keys.filter((key) => !entries.some((entry) => entry.key === key)),
  }
}

/** Everybody who has the repository has what it says. */
export async function isTracked(root: string, file: string): Promise<boolean> {
  return (await askGit(root, ['ls-files', '--error-unmatch', '--', file])).code === 0
}
