import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, realpath, rename, rm, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { TowError } from '../../../api/errors.ts'
import { exists, readText } from '../files.ts'
import type { StepRunner } from '../steps.ts'
import { choose, type Tool, type Toolbox } from '../tools.ts'
import type { ManagerName, Project } from './project.ts'

export interface Toolchain {
  node: Tool
  npm: Tool
  /** The package manager of the project; `file` is null while it has to be fetched. */
  manager: { name: ManagerName; version: string; file: string | null }
}

const GET_NODE = 'Install it from your package manager or with a version manager, e.g. nvm install'

/** Node and the package manager that the project asks for. Throws REFUSED where one is missing. */
export async function chooseToolchain(project: Project, toolbox: Toolbox): Promise<Toolchain> {
  const range = project.json.engines?.node?.trim() || null
  const major = range === null ? '' : ` ${/\d+/.exec(range)?.[0] ?? ''}`
  const node = choose(await toolbox.versions('node'), {
    name: 'Node',
    file: 'package.json',
    range,
    hint: `${GET_NODE}${major}${range === null ? '' : ', or change engines.node in package.json'}`,
  })
  const npm = choose(await npmsOf(toolbox), {
    name: 'npm',
    file: 'package.json',
    range: null,
    hint: 'npm comes with Node: install Node',
  })
  return { node, npm, manager: await chooseManager(project, toolbox, npm) }
}

/** npm's version stands in its own package.json: asking npm itself takes a third of a second. */
async function npmsOf(toolbox: Toolbox): Promise<Tool[]> {
  const found: Tool[] = []
  for (const file of toolbox.all('npm')) {
    const text = await readText(join(dirname(await realpath(file)), '..', 'package.json'))
    const parsed = text?.includes('"npm"') ? (JSON.parse(text) as { name?: string; version?: string }) : null
    if (parsed?.name === 'npm' && parsed.version) return [{ file, version: parsed.version }]
  }
  return found.length > 0 ? found : toolbox.versions('npm')
}

/** Which version made a lockfile, where package.json does not say: the newest that still reads it as it is. */
const BY_LOCKFILE: Record<'pnpm' | 'yarn' | 'berry', [pattern: RegExp, version: string][]> = {
  pnpm: [
    [/lockfileVersion: '?5/, '7.33.7'],
    [/lockfileVersion: '?6/, '8.15.9'],
    [/./, '10.34.9'],
  ],
  yarn: [[/./, '1.22.22']],
  berry: [
    [/__metadata:\s+version: [4-7]\b/, '3.8.7'],
    [/./, '4.18.1'],
  ],
}

async function chooseManager(project: Project, toolbox: Toolbox, npm: Tool): Promise<Toolchain['manager']> {
  const { manager: name, rootJson, root, lockfile } = project
  if (name === 'npm') return { name, ...npm }
  const asked = /^\w+@(\d+\.\d+\.\d+)/.exec(rootJson.packageManager ?? '')?.[1]
  if (name === 'berry') {
    const committed = /^yarnPath:\s*["']?(\S+?)["']?\s*$/m.exec(
      (await readText(join(root, '.yarnrc.yml'))) ?? '',
    )?.[1]
    if (committed && existsSync(join(root, committed))) {
      return {
        name,
        version: /(\d+\.\d+\.\d+)/.exec(committed)?.[1] ?? 'committed',
        file: join(root, committed),
      }
    }
  }
  const text = lockfile === null ? '' : await readFile(join(root, lockfile), 'utf8')
  const version = asked ?? BY_LOCKFILE[name].find(([pattern]) => pattern.test(text || ' '))![1]
  const tools = await toolbox.versions(name === 'berry' ? 'yarn' : name)
  const installed = tools.find(
    (tool) => tool.version === version || (!asked && tool.version.split('.')[0] === version.split('.')[0]),
  )
  return { name, version: installed?.version ?? version, file: installed?.file ?? null }
}

/**
 * A folder for the front of PATH that holds exactly the chosen tools; the package manager is fetched through npm into
 * the cache where this machine has none of the right version.
 */
export async function placeTools(
  { node, npm, manager }: Toolchain,
  { folder, cache, steps }: { folder: string; cache: string; steps: StepRunner },
): Promise<string> {
  const bin = join(folder, 'bin')
  await mkdir(bin, { recursive: true })
  await symlink(await realpath(node.file), join(bin, 'node'))
  await symlink(await realpath(npm.file), join(bin, 'npm'))
  const npx = join(dirname(npm.file), 'npx')
  if (await exists(npx)) await symlink(await realpath(npx), join(bin, 'npx'))
  if (manager.name === 'npm') return bin
  const command = manager.name === 'pnpm' ? 'pnpm' : 'yarn'
  const file = manager.file ?? (await fetchManager(manager, { folder, cache, steps, bin }))
  await symlink(await realpath(file), join(bin, command))
  return bin
}

const PACKAGES = { pnpm: 'pnpm', yarn: 'yarn', berry: '@yarnpkg/cli-dist' } as const

async function fetchManager(
  { name, version }: Toolchain['manager'],
  { folder, cache, steps, bin }: { folder: string; cache: string; steps: StepRunner; bin: string },
): Promise<string> {
  const packageName = PACKAGES[name as keyof typeof PACKAGES]
  const home = join(cache, 'managers', `${name}-${version}`)
  if (!(await exists(home))) {
    await mkdir(dirname(home), { recursive: true })
    const temporary = await mkdtemp(`${home}.`)
    try {
      await steps.run({
        name: `get ${packageName}@${version}`,
        command: [
          'npm',
          'install',
          '--no-save',
          '--ignore-scripts',
          '--no-audit',
          '--no-fund',
          '--prefix',
          temporary,
          `${packageName}@${version}`,
        ],
        folder,
        path: [bin],
        env: { npm_config_cache: join(cache, 'npm') },
      })
      // Another build may have been quicker; theirs is as good.
      await rename(temporary, home).catch(() => undefined)
    } finally {
      await rm(temporary, { recursive: true, force: true })
    }
  }
  const installed = join(home, 'node_modules', ...packageName.split('/'))
  const { bin: bins } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as {
    bin: string | Record<string, string>
  }
  const file = typeof bins === 'string' ? bins : bins[name === 'pnpm' ? 'pnpm' : 'yarn']
  if (file === undefined) throw new TowError('FAILED', `${packageName}@${version} has no command to run`)
  return join(installed, file)
}
