/** The bare repositories on disk: one folder each, made when something is first pushed to it. */
import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { chmod, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { NAME_LENGTH } from '../../../api/names.ts'
import { askGit, mustGit } from '../../../trees/git.ts'

export interface Repositories {
  /** The folder that holds them all. */
  readonly folder: string
  pathOf(name: string): string
  exists(name: string): boolean
  /** Makes it where it is missing; safe when two do it at once. */
  open(name: string): Promise<void>
  /** The repository of a folder: the name itself, or with a number where that is taken by another folder. */
  connect(name: string, folder: string): Promise<{ name: string; isNew: boolean }>
  /** Where the apps are inside the repository, `.` for its top. */
  folderOf(name: string): Promise<string>
  /** What main names now; null where there is none. */
  main(name: string): Promise<string | null>
  /** A repository that sees also what a push has brought and Git has not yet taken; gone afterwards. */
  view<T>(name: string, incoming: string, work: (path: string) => Promise<T>): Promise<T>
  /** Takes away what broken pushes have left. Only while nothing is being pushed to it. */
  sweep(name: string): Promise<void>
  names(): Promise<string[]>
  /** Packs what many pushes have left; bounded work, and none where there is little to do. */
  tidy(name: string): Promise<void>
}

const FOLDER_KEY = 'tow.folder'
const NAMES_TRIED = 100

export function createRepositories(folder: string): Repositories {
  const pathOf = (name: string) => join(folder, `${name}.git`)

  async function make(path: string): Promise<void> {
    await mkdir(folder, { recursive: true })
    // Sources of everything: nobody's but the platform's, apps with uids of their own included.
    await chmod(folder, 0o700)
    await mustGit(folder, ['init', '--quiet', '--bare', '-b', 'main', '--template=', path])
  }

  async function aside<T>(work: (path: string) => Promise<T>): Promise<T> {
    const path = join(folder, `.new-${randomBytes(8).toString('hex')}`)
    try {
      return await work(path)
    } finally {
      await rm(path, { recursive: true, force: true })
    }
  }

  const repositories: Repositories = {
    folder,
    pathOf,
    exists: (name) => existsSync(join(pathOf(name), 'HEAD')),
    async open(name) {
      if (repositories.exists(name)) return
      await aside(async (path) => {
        await make(path)
        await rename(path, pathOf(name)).catch((error) => {
          if (!repositories.exists(name)) throw error
        })
      })
    },
    async connect(wanted, inside) {
      for (let count = 1; count <= NAMES_TRIED; count += 1) {
        const name = count === 1 ? wanted : `${wanted.slice(0, NAME_LENGTH - 4)}-${count}`
        const isNew = !repositories.exists(name)
        await repositories.open(name)
        const known = await repositories.folderOf(name)
        if (known === inside) return { name, isNew }
        if ((await repositories.main(name)) !== null) continue
        await mustGit(pathOf(name), ['config', '--local', FOLDER_KEY, inside])
        return { name, isNew }
      }
      throw new Error(`all names like ${wanted} are taken`)
    },
    async folderOf(name) {
      const { code, stdout } = await askGit(pathOf(name), ['config', '--local', '--get', FOLDER_KEY])
      return code === 0 ? stdout.toString().replace(/\n$/, '') : '.'
    },
    async main(name) {
      const asked = ['rev-parse', '--verify', '--quiet', 'refs/heads/main']
      const { code, stdout } = await askGit(pathOf(name), asked)
      return code === 0 ? stdout.toString().trim() : null
    },
    view: (name, incoming, work) =>
      aside(async (path) => {
        await make(path)
        const objects = [resolve(pathOf(name), incoming), join(pathOf(name), 'objects')]
        await writeFile(
          join(path, 'objects', 'info', 'alternates'),
          objects.map((one) => `${one}\n`).join(''),
        )
        return work(path)
      }),
    async sweep(name) {
      const objects = join(pathOf(name), 'objects')
      // Listed at once: what a push that begins in a moment brings is not among it.
      const left = readdirSync(objects).filter((entry) => /^(tmp_objdir-)?incoming-/.test(entry))
      for (const entry of left)
        await rm(join(objects, entry), { recursive: true, force: true, maxRetries: 3 })
    },
    async names() {
      const entries = await readdir(folder)
      return entries.filter((entry) => /^[a-z].*\.git$/.test(entry)).map((entry) => entry.slice(0, -4))
    },
    async tidy(name) {
      await askGit(pathOf(name), ['-c', 'gc.autoDetach=false', 'gc', '--auto', '--quiet'])
    },
  }
  return repositories
}
