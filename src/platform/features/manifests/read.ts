import { readAppJson } from './app-json.ts'
import {
  type AppDeclaration,
  emptyDeclaration,
  type Manifests,
  type PartialDeclaration,
  type Problem,
} from './declaration.ts'
import { toName } from './names.ts'
import { readProcfile } from './procfile.ts'
import { readTowYaml } from './tow-yaml.ts'

export interface ManifestInput {
  /** Text of the files that `isManifestPath` named, by path in the tree. */
  files: Readonly<Record<string, string>>
  /** Every path of the tree. */
  paths: readonly string[]
  /** What the folder is called where the tree was made; names the app that no file names. */
  folderName: string
}

const MANIFESTS = new Set(['Procfile', 'app.json'])

/** Whether the text of this path must be handed to `readManifests`: tow.yaml at the root, Procfile and app.json anywhere. */
export function isManifestPath(path: string): boolean {
  return path === 'tow.yaml' || path === 'tow.yml' || MANIFESTS.has(path.slice(path.lastIndexOf('/') + 1))
}

/**
 * What the files of a tree declare: the apps of tow.yaml, else the folder itself as one app. tow.yaml wins over
 * Procfile, Procfile over app.json. Every mistake is reported, all at once.
 */
export function readManifests({ files, paths, folderName }: ManifestInput): Manifests {
  const yaml = files['tow.yaml'] === undefined ? 'tow.yml' : 'tow.yaml'
  const problems: Problem[] = []
  const notes: Problem[] = []
  let apps: AppDeclaration[]
  if (files[yaml] === undefined) apps = [theFolderItself(files, folderName)]
  else {
    const read = readTowYaml(yaml, files[yaml], '.', foldersOf(paths))
    apps = read.apps
    problems.push(...read.problems)
    if (files['tow.yml'] !== undefined && yaml !== 'tow.yml') {
      notes.push({ file: 'tow.yml', message: 'tow.yml is not read: there is a tow.yaml beside it' })
    }
  }
  const seen = new Set<string>()
  const completed = apps.map((app) => {
    const prefix = app.path === '.' ? '' : `${app.path}/`
    const first = !seen.has(prefix)
    seen.add(prefix)
    const found = convention(files, prefix)
    // Two apps may share a folder; its mistakes are told once.
    if (first) {
      problems.push(...found.problems)
      notes.push(...found.notes)
    }
    return complete(app, found)
  })
  return { apps: completed, problems, notes }
}

function theFolderItself(files: Readonly<Record<string, string>>, folderName: string): AppDeclaration {
  const named = files['app.json'] === undefined ? null : readAppJson('app.json', files['app.json']).name
  return {
    name: toName(named ?? folderName),
    path: '.',
    context: '.',
    build: { builder: 'auto', secrets: [] },
    run: { processes: {}, crons: {}, variables: {}, needs: [] },
    dev: { ignore: [] },
    counts: {},
    perEnvironment: {},
    sources: [],
  }
}

interface Convention {
  declarations: PartialDeclaration[]
  sources: string[]
  problems: Problem[]
  notes: Problem[]
}

/** Procfile and app.json of one folder, the stronger last. */
function convention(files: Readonly<Record<string, string>>, prefix: string): Convention {
  const found: Convention = { declarations: [], sources: [], problems: [], notes: [] }
  for (const [name, read] of [
    ['app.json', readAppJson],
    ['Procfile', readProcfile],
  ] as const) {
    const text = files[`${prefix}${name}`]
    if (text === undefined) continue
    const { declaration, problems, notes } = read(`${prefix}${name}`, text)
    found.declarations.push(declaration)
    found.sources.unshift(`${prefix}${name}`)
    found.problems.push(...problems)
    found.notes.push(...notes)
  }
  return found
}

function complete(app: AppDeclaration, { declarations, sources }: Convention): AppDeclaration {
  const all: PartialDeclaration[] = [emptyDeclaration(), ...declarations, { ...app.run, counts: app.counts }]
  const run: AppDeclaration['run'] = { processes: {}, crons: {}, variables: {}, needs: [] }
  let counts: Record<string, number> = {}
  for (const one of all) {
    for (const [name, process] of Object.entries(one.processes)) {
      run.processes[name] = { ...run.processes[name], ...process }
    }
    if (one.releaseCommand !== undefined) run.releaseCommand = one.releaseCommand
    run.crons = { ...run.crons, ...one.crons }
    run.variables = { ...run.variables, ...one.variables }
    run.needs = [...new Set([...run.needs, ...one.needs])]
    counts = { ...counts, ...one.counts }
  }
  const build = {
    ...app.build,
    startsItself: Object.values(run.processes).some(({ command }) => command !== undefined),
  }
  return { ...app, build, run, counts, sources: [...app.sources, ...sources] }
}

function foldersOf(paths: readonly string[]): Set<string> {
  const folders = new Set<string>(['.'])
  for (const path of paths) {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const folder = path.slice(0, end)
      if (folders.has(folder)) break
      folders.add(folder)
    }
  }
  return folders
}
