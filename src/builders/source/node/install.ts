import { lstat, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, posix } from 'node:path'
import { exists, walk } from '../files.ts'
import { keyOf } from '../language.ts'
import type { StepRunner } from '../steps.ts'
import type { Toolchain } from './manager.ts'
import { type PackageJson, type Project, productionDependencies } from './project.ts'

/** What of a package.json decides which packages are installed; lifecycle scripts run later, in the real folder. */
const FIELDS = [
  'name',
  'version',
  'private',
  'bin',
  'dependencies',
  'devDependencies',
  'optionalDependencies',
  'peerDependencies',
  'peerDependenciesMeta',
  'dependenciesMeta',
  'bundledDependencies',
  'bundleDependencies',
  'overrides',
  'resolutions',
  'workspaces',
  'pnpm',
  'installConfig',
  'allowScripts',
]

const SETTINGS = ['.npmrc', '.yarnrc', '.yarnrc.yml', 'pnpm-workspace.yaml', '.pnpmfile.cjs']
const SETTINGS_FOLDERS = ['patches', '.yarn/patches', '.yarn/plugins', '.yarn/cache']

/** State that managers leave beside the packages: times, absolute paths, nothing that an app reads. */
const LEFTOVERS = [
  '.package-lock.json',
  '.modules.yaml',
  '.yarn-state.yml',
  '.yarn-integrity',
  '.pnpm-workspace-state.json',
  '.pnpm-workspace-state-v1.json',
  '.cache',
  '.vite',
]

/** The files, by path in the root, from which dependencies are installed, and nothing of the app's own code. */
export async function installInputs(project: Project): Promise<Map<string, Buffer>> {
  const inputs = new Map<string, Buffer>()
  const add = async (path: string) => inputs.set(path, await readFile(join(project.root, path)))
  const reduced = (json: PackageJson) =>
    Buffer.from(
      `${JSON.stringify(Object.fromEntries(FIELDS.flatMap((field) => (field in json ? [[field, json[field]]] : []))), null, 2)}\n`,
    )
  inputs.set('package.json', reduced(project.rootJson))
  for (const { folder, json } of project.members)
    inputs.set(posix.join(folder, 'package.json'), reduced(json))
  for (const file of [...(project.lockfile ? [project.lockfile] : []), ...SETTINGS]) {
    if (await exists(join(project.root, file))) await add(file)
  }
  for (const folder of [...SETTINGS_FOLDERS, ...localFolders(project)]) {
    if (!(await exists(join(project.root, folder)))) continue
    if (!(await lstat(join(project.root, folder))).isDirectory()) {
      await add(folder)
      continue
    }
    for (const { path, kind } of await walk(join(project.root, folder), (path) =>
      /(^|\/)node_modules$/.test(path),
    )) {
      if (kind === 'file') await add(posix.join(folder, path))
    }
  }
  return inputs
}

/** Folders and archives named by `file:`, `link:` and `portal:`, which are no members. */
function localFolders({ json, folder }: Project): string[] {
  const specs = ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap((field) =>
    Object.values((json[field] as Record<string, string> | undefined) ?? {}),
  )
  return specs.flatMap((spec) => {
    const target = /^(?:file|link|portal):(.+)$/.exec(String(spec))?.[1]
    const path = target === undefined ? '..' : posix.join(folder, target)
    return path.startsWith('..') || path.startsWith('/') ? [] : [path]
  })
}

/** Decides the packages: the inputs, the tools that read them, and the machine that native code is built for. */
export function installKey(
  inputs: ReadonlyMap<string, Buffer>,
  { node, manager }: Toolchain,
  project: Project,
): string {
  const files = [...inputs]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([path, data]) => [path, keyOf(data.toString('base64'))])
  return keyOf({
    layout: 1,
    files,
    app: project.folder,
    node: node.version,
    manager: [manager.name, manager.version],
    machine: [process.platform, process.arch],
  })
}

/** The files of the key by name; those of a folder stand together. */
export function installParts(inputs: ReadonlyMap<string, Buffer>): Record<string, string> {
  const named = Map.groupBy(inputs, ([path]) => {
    const isAlone = [...SETTINGS, 'package.json'].some((name) => posix.basename(path) === name)
    return isAlone || posix.dirname(path) === '.' ? path : posix.dirname(path)
  })
  return Object.fromEntries(
    [...named].map(([name, files]) => [
      name,
      keyOf(files.map(([path, data]) => [path, data.toString('base64')])),
    ]),
  )
}

/** Whether the app needs any package to run, or to be developed. */
export function needsPackages(project: Project, development = false): boolean {
  const jsons = [project.json, ...project.needed.map(({ json }) => json)]
  return (
    jsons.some((json) => productionDependencies(json).length > 0) ||
    (development && Object.keys((project.json.devDependencies as object | undefined) ?? {}).length > 0)
  )
}

export interface InstallOptions {
  project: Project
  toolchain: Toolchain
  inputs: ReadonlyMap<string, Buffer>
  production: boolean
  /** Empty afterwards but for the node_modules folders, each where it belongs. */
  target: string
  /** For the work in between; removed. */
  scratch: string
  cache: string
  bin: string
  steps: StepRunner
  /** Why it was not kept from before. */
  because: string
}

/** Installs packages from nothing but their inputs, so that the same inputs give the same folders. */
export async function install(options: InstallOptions): Promise<void> {
  const { project, toolchain, inputs, production, target, scratch, cache, bin, steps, because } = options
  await rm(scratch, { recursive: true, force: true })
  for (const [path, data] of inputs) {
    await mkdir(dirname(join(scratch, path)), { recursive: true })
    await writeFile(join(scratch, path), withoutDevDependencies(path, data, toolchain, production))
  }
  // Without one, Yarn takes any package.json above the scratch folder for its project.
  if (toolchain.manager.name === 'berry' && project.lockfile === null)
    await writeFile(join(scratch, 'yarn.lock'), '')
  const { args, env } = commandOf(project, toolchain, production, cache)
  await steps.run({ name: args.join(' '), command: args, folder: scratch, path: [bin], env, because })
  await mkdir(target, { recursive: true })
  for (const folder of ['.', ...project.members.map((member) => member.folder)]) {
    const modules = join(scratch, folder, 'node_modules')
    if (!(await exists(modules))) continue
    for (const name of LEFTOVERS) await rm(join(modules, name), { recursive: true, force: true })
    await mkdir(join(target, folder), { recursive: true })
    await rename(modules, join(target, folder, 'node_modules'))
  }
  if (production) await dropUnneededLinks(project, target)
  await rm(scratch, { recursive: true, force: true })
}

/** Old Yarn cannot leave development packages out of a locked install: they are taken from its sight. */
function withoutDevDependencies(
  path: string,
  data: Buffer,
  { manager }: Toolchain,
  production: boolean,
): Buffer {
  if (!production || !isOldBerry(manager) || !path.endsWith('package.json')) return data
  const { devDependencies: _, ...rest } = JSON.parse(data.toString()) as PackageJson
  return Buffer.from(JSON.stringify(rest))
}

function isOldBerry({ name, version }: Toolchain['manager']): boolean {
  return name === 'berry' && Number.parseInt(version, 10) < 4
}

function commandOf(
  { folder, lockfile, members, json }: Project,
  { manager }: Toolchain,
  production: boolean,
  cache: string,
): { args: [string, ...string[]]; env: Record<string, string> } {
  const locked = lockfile !== null
  const member = members.length > 0 && folder !== '.'
  const npmEnv = {
    npm_config_cache: join(cache, 'npm'),
    npm_config_update_notifier: 'false',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
  }
  switch (manager.name) {
    case 'npm':
      return {
        args: [
          'npm',
          ...(locked ? ['ci'] : ['install', '--no-package-lock']),
          ...(production ? ['--omit=dev'] : []),
          ...(production && member ? [`--workspace=${folder}`] : []),
        ],
        env: npmEnv,
      }
    case 'pnpm':
      return {
        args: [
          'pnpm',
          'install',
          locked ? '--frozen-lockfile' : '--no-frozen-lockfile',
          ...(production ? ['--prod'] : []),
          ...(production && member ? [`--filter={./${folder}}...`] : []),
        ],
        env: {
          ...npmEnv,
          ...pnpmSettings({
            store_dir: join(cache, 'pnpm'),
            extend_node_path: 'false',
            manage_package_manager_versions: 'false',
          }),
        },
      }
    case 'yarn':
      return {
        args: [
          'yarn',
          'install',
          '--non-interactive',
          '--no-progress',
          ...(locked ? ['--frozen-lockfile'] : ['--no-lockfile']),
          ...(production ? ['--production'] : ['--production=false']),
        ],
        env: { YARN_CACHE_FOLDER: join(cache, 'yarn') },
      }
    case 'berry': {
      const focus = production && !isOldBerry(manager)
      return {
        args: focus
          ? ['yarn', 'workspaces', 'focus', '--production', ...(member ? [json.name ?? folder] : [])]
          : ['yarn', 'install'],
        env: {
          YARN_NODE_LINKER: 'node-modules',
          YARN_GLOBAL_FOLDER: join(cache, 'berry'),
          YARN_ENABLE_TELEMETRY: '0',
          YARN_IGNORE_PATH: '1',
          YARN_ENABLE_IMMUTABLE_INSTALLS: String(locked && !production),
        },
      }
    }
  }
}

/** pnpm reads its settings under either prefix, depending on its version. */
function pnpmSettings(settings: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).flatMap(([key, value]) => [
      [`npm_config_${key}`, value],
      [`pnpm_config_${key}`, value],
    ]),
  )
}

/** Some managers link every package of the workspace; those that the app does not need are not in the artifact. */
async function dropUnneededLinks({ members, needed, folder }: Project, target: string): Promise<void> {
  for (const member of members) {
    if (member.folder === folder || needed.includes(member) || !member.json.name) continue
    const link = join(target, 'node_modules', member.json.name)
    const stats = await lstat(link).catch(() => null)
    if (stats?.isSymbolicLink()) await rm(link)
    await rm(join(target, member.folder), { recursive: true, force: true })
  }
}
