/**
 * Where the built console lies: beside the published program; in a clone it is built when it is first asked for, and
 * again after its source has changed, so whoever works on it reloads the page and sees.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { constants, setPriority } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { TowError } from '../api/errors.ts'

const execute = promisify(execFile)
const here = dirname(fileURLToPath(import.meta.url))
const ROOT = join(here, '../..')
const BUILDER = 'scripts/console.ts'
/** What the built console depends on. */
const SOURCES = ['src/console', 'src/client', 'src/api']
const SINGLE_SOURCES = [BUILDER, 'package-lock.json']

/** Asked for every page: cheap once it is built. `ahead`: nobody waits for it yet, so that it gives way to all else. */
export function openConsole(): (options?: { ahead: boolean }) => Promise<string> {
  const published = join(here, 'console')
  if (existsSync(join(published, 'index.html'))) return async () => published
  const builds = new Map<string, Promise<string>>()
  return async ({ ahead } = { ahead: false }) => {
    const digest = await digestOfSources()
    const known = builds.get(digest)
    if (known) return known
    const building = build(digest, ahead)
    builds.set(digest, building)
    // A failure is told to whoever asked; the next one tries again.
    building.catch(() => builds.delete(digest))
    return building
  }
}

async function build(digest: string, ahead: boolean): Promise<string> {
  const folder = join(ROOT, 'node_modules/.cache/console', digest)
  if (existsSync(join(folder, 'index.html'))) return folder
  try {
    const building = execute(process.execPath, [join(ROOT, BUILDER), folder], { cwd: ROOT })
    if (ahead && building.child.pid) setPriority(building.child.pid, constants.priority.PRIORITY_LOW)
    await building
  } catch (cause) {
    const said = (cause as { stderr?: string }).stderr?.trim() || (cause as Error).message
    throw new TowError('FAILED', `the console could not be built: ${said.slice(0, 2000)}`, {
      hint: `node ${BUILDER} builds it by itself`,
      cause,
    })
  }
  return folder
}

async function digestOfSources(): Promise<string> {
  const lists = await Promise.all(
    SOURCES.map(async (folder) => {
      const entries = await readdir(join(ROOT, folder), { recursive: true, withFileTypes: true })
      return entries
        .filter((entry) => entry.isFile() && !entry.name.includes('.test.'))
        .map((entry) => join(entry.parentPath, entry.name))
    }),
  )
  const files = [...lists.flat(), ...SINGLE_SOURCES.map((name) => join(ROOT, name))].sort()
  const contents = await Promise.all(files.map((file) => readFile(file)))
  const hash = createHash('sha256')
  for (const [index, file] of files.entries()) {
    hash.update(`${file.slice(ROOT.length)} ${contents[index]!.length}\n`).update(contents[index]!)
  }
  return hash.digest('hex').slice(0, 32)
}
