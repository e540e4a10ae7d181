import { mkdir, mkdtemp, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { BuildDeclaration } from '../../builder.ts'
import { copyFolder, exists, walk } from '../files.ts'
import type { Work } from '../language.ts'
import { keyOf } from '../language.ts'
import { type InstallOptions, install } from './install.ts'
import type { Project } from './project.ts'
import { buildScripts } from './start.ts'

/** How many full installs are kept for later builds. */
const KEPT_INSTALLS = 10
/** What a build leaves in node_modules for its own next run. */
const SCRATCH = /(^|\/)node_modules\/(\.cache|\.vite|\.vite-temp|\.tmp|\.bin)(\/|$)/

/** Whether anything of the app's own has to run before it can be shipped. */
export function needsBuild(
  project: Project,
  { command, development = false }: Pick<BuildDeclaration, 'command' | 'development'>,
): boolean {
  const own = buildScripts(project.json)
  return (
    (!development && (command !== undefined || own.build !== null)) ||
    own.hooks.length > 0 ||
    (project.folder !== '.' && buildScripts(project.rootJson).hooks.length > 0) ||
    project.needed.some(({ json }) => buildScripts(json).build !== null)
  )
}

type Tools = Pick<InstallOptions, 'toolchain' | 'inputs' | 'bin'>

/**
 * Builds in a copy of the source that has every package, development ones too. Returns the copy: without its packages,
 * but with the files that the build itself wrote among them (a generated database client, a patch).
 */
export async function buildInCopy(work: Work, project: Project, key: string, tools: Tools): Promise<string> {
  const { source, declaration, workspace, steps } = work
  const { root, folder, needed } = project
  const base = join(workspace.folder, 'app')
  const fromRoot = root === source.context ? '.' : source.path
  const projectCopy = join(base, fromRoot)
  await copyFolder(source.context, base)
  const full = await fullInstall(work, project, key, tools)
  // Scripts that patch packages do it in place: only then a real copy is worth its time.
  const patches = [project.json, project.rootJson].some((json) => buildScripts(json).hooks.length > 0)
  await copyFolder(full, projectCopy, { hardLinks: !patches })

  const binaries = (at: string) => [
    join(at, 'node_modules', '.bin'),
    join(projectCopy, 'node_modules', '.bin'),
    tools.bin,
  ]
  const run = (name: string, command: string, at: string, secrets: Record<string, string> = {}) =>
    steps.run({
      name,
      command,
      folder: at,
      path: binaries(at),
      // As on Heroku: packages for development are there, and frameworks are told to build for production.
      env: {
        NODE_ENV: 'production',
        npm_config_cache: join(workspace.cache, 'npm'),
        npm_config_update_notifier: 'false',
      },
      secrets,
    })
  const app = join(projectCopy, folder)
  if (folder !== '.')
    for (const hook of buildScripts(project.rootJson).hooks)
      await run(`npm run ${hook}`, `npm run ${hook}`, projectCopy)
  for (const hook of buildScripts(project.json).hooks) await run(`npm run ${hook}`, `npm run ${hook}`, app)
  for (const member of needed) {
    if (buildScripts(member.json).build === null) continue
    await run(`npm run build (${member.json.name})`, 'npm run build', join(projectCopy, member.folder))
  }
  const script = buildScripts(project.json).build
  const asked = declaration.command ?? (script === null ? null : `npm run ${script}`)
  const command = declaration.development ? null : asked
  if (command !== null) await run(command, command, app, workspace.secrets)

  const trash = join(workspace.folder, 'trash')
  await keepGenerated(projectCopy, full, trash, project)
  return fromRoot === '.' ? base : projectCopy
}

/** Every package of the project, installed once per key and shared by later builds. */
async function fullInstall(work: Work, project: Project, key: string, tools: Tools): Promise<string> {
  const { workspace, steps } = work
  const shelf = join(workspace.cache, 'node-full')
  const home = join(shelf, keyOf(['full', key]))
  if (await exists(home)) {
    const now = new Date()
    await utimes(home, now, now)
    steps.reused(
      'install packages for the build',
      `${project.lockfile ?? 'what package.json asks for'} has not changed`,
    )
    return home
  }
  await mkdir(shelf, { recursive: true })
  const temporary = await mkdtemp(`${home}.`)
  try {
    await install({
      ...tools,
      project,
      production: false,
      target: temporary,
      scratch: join(workspace.folder, 'install-full'),
      because: workspace.installs,
      cache: workspace.cache,
      steps,
    })
    await rename(temporary, home).catch(async (error: unknown) => {
      // Another build may have been quicker; theirs is as good.
      if (!(await exists(home))) throw error
    })
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
  await forgetOldest(shelf)
  return home
}

async function forgetOldest(shelf: string): Promise<void> {
  const entries = (await readdir(shelf)).filter((name) => !name.includes('.'))
  const dated = await Promise.all(
    entries.map(async (name) => ({ name, used: (await stat(join(shelf, name))).mtimeMs })),
  )
  for (const { name } of dated.sort((left, right) => right.used - left.used).slice(KEPT_INSTALLS)) {
    await rm(join(shelf, name), { recursive: true, force: true })
  }
}

/** Leaves of every node_modules only what differs from the install; the rest goes to the trash folder. */
async function keepGenerated(
  projectCopy: string,
  full: string,
  trash: string,
  project: Project,
): Promise<void> {
  for (const [index, folder] of ['.', ...project.members.map((member) => member.folder)].entries()) {
    const modules = join(projectCopy, folder, 'node_modules')
    if (!(await exists(modules))) continue
    const aside = join(trash, String(index))
    await mkdir(dirname(aside), { recursive: true })
    await rename(modules, aside)
    for (const { path, kind } of await walk(aside)) {
      if (kind !== 'file' || SCRATCH.test(`node_modules/${path}`)) continue
      const made = await stat(join(aside, path))
      const installed = await stat(join(full, folder, 'node_modules', path)).catch(() => null)
      if (installed && installed.size === made.size && installed.mtimeMs === made.mtimeMs) continue
      if (!(await isShipped(path, project))) continue
      await mkdir(dirname(join(modules, path)), { recursive: true })
      await rename(join(aside, path), join(modules, path))
    }
  }
}

/** Generated files of packages that are there for development only are of no use without them. */
async function isShipped(path: string, { json, rootJson }: Project): Promise<boolean> {
  const name = /^(@[^/]+\/[^/]+|[^/]+)/.exec(path)?.[1] ?? ''
  return ![json, rootJson].some((one) =>
    Object.hasOwn((one.devDependencies as object | undefined) ?? {}, name),
  )
}
