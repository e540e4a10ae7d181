/**
 * Repositories in a backup: one bundle each, made by Git itself when the backup is opened. That is before the database
 * is read: a repository that knew more than the database would tell whoever pushes again that all is there already.
 */
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { TowError } from '../../../api/errors.ts'
import { Name } from '../../../api/names.ts'
import { mustGit } from '../../../trees/git.ts'
import { type BackupFile, type BackupPart, textOf } from '../../kernel/backup.ts'
import type { Repositories } from './repositories.ts'

const ASIDE = '.backup-'

export function repositoriesPart(repositories: Repositories): BackupPart {
  return {
    name: 'git',
    async open() {
      const aside = await mkdtemp(join(repositories.folder, ASIDE))
      const close = () => rm(aside, { recursive: true, force: true })
      try {
        const made = await bundleAll(repositories, aside)
        return { files: () => filesOf(made), about: () => ({}), close }
      } catch (error) {
        await close()
        throw error
      }
    },
    restore: () => ({
      check: async () => {},
      take: (file, content) => takeBack(repositories, file, content),
      finish: async () => {},
      cancel: async () => {},
    }),
  }
}

/** What a backup that was killed has left. */
export async function sweepBackups(folder: string): Promise<void> {
  const left = (await readdir(folder)).filter((entry) => entry.startsWith(ASIDE))
  for (const entry of left) await rm(join(folder, entry), { recursive: true, force: true })
}

interface Bundled {
  name: string
  /** Where its apps are. */
  folder: string
  /** Null where nothing was pushed yet. */
  bundle: string | null
}

async function bundleAll(repositories: Repositories, aside: string): Promise<Bundled[]> {
  const made: Bundled[] = []
  for (const name of await repositories.names()) {
    const path = repositories.pathOf(name)
    const hasRefs = (await mustGit(path, ['for-each-ref', '--count=1'])).length > 0
    const bundle = hasRefs ? join(aside, name) : null
    if (bundle) await mustGit(path, ['bundle', 'create', '--quiet', bundle, '--all'])
    made.push({ name, folder: await repositories.folderOf(name), bundle })
  }
  return made
}

async function* filesOf(made: readonly Bundled[]): AsyncGenerator<BackupFile> {
  for (const { name, folder, bundle } of made) {
    yield { name: `${name}/folder`, content: [Buffer.from(folder)] }
    if (bundle) yield { name: `${name}/bundle`, content: createReadStream(bundle) }
  }
}

async function takeBack(
  repositories: Repositories,
  file: string,
  content: AsyncIterable<Uint8Array>,
): Promise<void> {
  const [name = '', kind] = file.split('/')
  if (!Name.safeParse(name).success) throw new TowError('BAD_INPUT', `"${name}" is no name of a repository`)
  if (kind === 'folder') {
    await repositories.connect(name, await textOf(content))
    return
  }
  const bundle = join(repositories.folder, `${ASIDE}${name}`)
  try {
    await pipeline(content, createWriteStream(bundle, { mode: 0o600 }))
    await mustGit(repositories.pathOf(name), ['fetch', '--quiet', '--no-tags', bundle, '+refs/*:refs/*'])
  } finally {
    await rm(bundle, { force: true })
  }
}
