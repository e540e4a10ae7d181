import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { TowError } from '../../../api/errors.ts'
import type { BuildDeclaration } from '../../builder.ts'
import { copyFolder } from '../files.ts'
import type { Language, LanguageResult, Source, Work } from '../language.ts'
import { findSite, serveCommand, siteFolders, wrapSite } from '../static/site.ts'
import type { Toolbox } from '../tools.ts'
import { buildInCopy, needsBuild } from './build.ts'
import { install, installInputs, installKey, installParts, needsPackages } from './install.ts'
import { chooseToolchain, placeTools } from './manager.ts'
import { npmComponents } from './packages.ts'
import { type Project, readProject } from './project.ts'
import { buildScripts, startCommand } from './start.ts'

/** Node apps by package.json: npm, pnpm and Yarn by lockfile, workspaces, and sites that a build script makes. */
export const node: Language = {
  name: 'node',
  async plan(source, declaration, toolbox) {
    const project = await readProject(source)
    if (!project) return null
    const start = await startCommand(project.json, source.app, needsBuild(project, declaration))
    const site = isSite(project, declaration, start)
    if (!site && (await isPlainSite(source, declaration, start))) return null
    const { toolchain, inputs, key } = await prepare(project, toolbox)
    const { development = false } = declaration
    const version = toolchain.node.version
    return {
      because: becauseOf(project, site),
      tools: { node: version, [toolchain.manager.name]: toolchain.manager.version },
      dependencyKey:
        !site && needsPackages(project, development) ? (development ? `${key}-development` : key) : null,
      dependencyParts: installParts(inputs),
      runtime: {
        name: 'node',
        version,
        range: site ? '>=18' : (project.json.engines?.node?.trim() ?? `${version.split('.')[0]}.x`),
      },
      folder: site ? '.' : project.folder,
      processes: site ? { web: serveCommand('.', declaration.spa) } : start === null ? {} : { web: start },
    }
  },
  async build(work) {
    const { source, declaration, toolbox, workspace, steps } = work
    const project = (await readProject(source))!
    const { toolchain, key, inputs } = await prepare(project, toolbox)
    const start = await startCommand(project.json, source.app, needsBuild(project, declaration))
    const site = isSite(project, declaration, start)
    const mustBuild = needsBuild(project, declaration)
    const mustInstall = !site && needsPackages(project, declaration.development)
    if (project.lockfile === null && mustInstall && workspace.dependencies === null) {
      steps.say(
        'There is no lockfile: the versions chosen now are kept until package.json changes. Commit a lockfile to choose them yourself.',
      )
    }
    const isIdle = !mustBuild && (!mustInstall || workspace.dependencies !== null)
    const bin = isIdle
      ? ''
      : await placeTools(toolchain, { folder: workspace.folder, cache: workspace.cache, steps })
    const dependencies = mustInstall
      ? await dependencyFolder(work, project, { toolchain, inputs, bin })
      : null
    const built = mustBuild ? await buildInCopy(work, project, key, { toolchain, inputs, bin }) : null
    if (site) return finishSite(work, project, built)
    return {
      dependencies,
      app: await appFolder(work, project, built),
      env: environmentOf(project, declaration.development),
      dependencyComponents: () =>
        dependencies === null ? Promise.resolve([]) : npmComponents(dependencies, lockfileOf(project)),
    }
  },
}

async function prepare(project: Project, toolbox: Toolbox) {
  const toolchain = await chooseToolchain(project, toolbox)
  const inputs = await installInputs(project)
  return { toolchain, inputs, key: installKey(inputs, toolchain, project) }
}

/** A build script, and nothing that starts: what it makes is a site. */
function isSite({ json }: Project, declaration: BuildDeclaration, start: string | null): boolean {
  const builds = declaration.command !== undefined || buildScripts(json).build !== null
  if (declaration.builder !== 'auto' && declaration.builder !== 'source')
    return builds && declaration.builder === 'static'
  return builds && start === null && declaration.startsItself !== true
}

/** A package.json that neither builds nor starts anything only serves those who write the site beside it. */
async function isPlainSite(
  { app }: Source,
  declaration: BuildDeclaration,
  start: string | null,
): Promise<boolean> {
  if (declaration.builder === 'static') return true
  if (start !== null || declaration.startsItself || declaration.builder === 'node') return false
  return (await findSite(app, siteFolders.source)) !== null
}

function becauseOf({ lockfile, manager, folder }: Project, site: boolean): string {
  const named = manager === 'berry' ? 'yarn' : manager
  const packages = lockfile === null ? `${named}, no lockfile` : `${named}, by ${lockfile}`
  const place = folder === '.' ? '' : `, in the workspace at ${folder}`
  return site
    ? `A site that the build script of package.json makes (${packages})`
    : `A Node app: there is a package.json (${packages}${place})`
}

function lockfileOf({ root, lockfile }: Project): string | null {
  return lockfile === null ? null : join(root, lockfile)
}

async function dependencyFolder(
  work: Work,
  project: Project,
  tools: Parameters<typeof buildInCopy>[3],
): Promise<string> {
  const { workspace, steps } = work
  if (workspace.dependencies !== null) {
    steps.reused('install packages', `${project.lockfile ?? 'what package.json asks for'} has not changed`)
    return workspace.dependencies
  }
  const target = join(workspace.folder, 'dependencies')
  await install({
    ...tools,
    project,
    production: work.declaration.development !== true,
    target,
    scratch: join(workspace.folder, 'install'),
    because: workspace.installs,
    cache: workspace.cache,
    steps,
  })
  return target
}

/** The app's own files: the source as it is, what a build made of it, or the part of a workspace that it needs. */
async function appFolder(
  { source, workspace }: Work,
  project: Project,
  built: string | null,
): Promise<string> {
  if (project.folder === '.') return built ?? source.app
  const dropped = project.members
    .filter((member) => member.folder !== project.folder && !project.needed.includes(member))
    .map((member) => member.folder)
  if (built !== null) {
    for (const folder of dropped) await rm(join(built, folder), { recursive: true, force: true })
    return built
  }
  const target = join(workspace.folder, 'app')
  await copyFolder(project.root, target, { hardLinks: true, skip: (path) => dropped.includes(path) })
  return target
}

function environmentOf({ folder }: Project, development = false): Record<string, string> {
  const folders = folder === '.' ? ['$WORKSPACE'] : [`$WORKSPACE/${folder}`, '$WORKSPACE']
  return {
    NODE_ENV: development ? 'development' : 'production',
    PATH: [...folders.map((one) => `${one}/node_modules/.bin`), '$PATH'].join(':'),
  }
}

async function finishSite(work: Work, project: Project, built: string | null): Promise<LanguageResult> {
  const app = join(built ?? work.source.app, project.folder)
  const found = await findSite(app, siteFolders.built)
  if (found === null) {
    throw new TowError(
      'FAILED',
      `The build script made no site: there is no index.html in ${siteFolders.built.join(', ')}`,
      {
        hint: 'If the app starts a server, name it: add a start script to package.json, or a line "web: <command>" to a Procfile',
      },
    )
  }
  const folder = await wrapSite(join(app, found), work.workspace.folder)
  return { dependencies: null, app: folder, env: {}, dependencyComponents: async () => [] }
}
