import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { TowError } from '../../../api/errors.ts'
import { copyFolder, exists } from '../files.ts'
import type { Language, Work } from '../language.ts'
import { type Component, purlPart } from '../sbom.ts'
import { choose, type Toolbox } from '../tools.ts'
import { type GoProject, programName, readGoProject, webProgram } from './packages.ts'

/** Only for the build; what remains beside the program are the files that it may read: templates, pages, migrations. */
const SOURCE = /(^|\/)[^/]+\.go$|^(go\.(mod|sum|work|work\.sum)|vendor|bin)$|(^|\/)\.git$/

/** Go programs by go.mod: one self-contained file each, in bin/. */
export const go: Language = {
  name: 'go',
  async plan(source, declaration, toolbox) {
    const project = await readGoProject(source.app)
    if (!project) return null
    if (project.mains.length === 0 && declaration.command === undefined) {
      throw new TowError('REFUSED', 'go.mod is there, and no package main with a func main was found', {
        hint: 'Name the build in tow.yaml: build: { command: go build -o bin/app ./path }',
      })
    }
    const tool = await goTool(project, toolbox)
    const web = webProgram(
      project.mains.map((folder) => programName(project.module, folder)),
      project.module,
    )
    return {
      because: `A Go module: there is a go.mod (${project.module})`,
      tools: { go: tool.version },
      dependencyKey: null,
      runtime: { name: 'none', version: tool.version, range: '*' },
      folder: '.',
      processes: web === null ? {} : { web: `bin/${web}` },
    }
  },
  async build(work) {
    const { source, declaration, toolbox, workspace, steps } = work
    const project = (await readGoProject(source.app))!
    const tool = await goTool(project, toolbox)
    const env = {
      GOCACHE: join(workspace.cache, 'go-build'),
      GOMODCACHE: join(workspace.cache, 'go-mod'),
      GOPATH: join(workspace.cache, 'go'),
      // Folders of modules stay writable, so that the cache can be removed as any other.
      GOFLAGS: '-modcacherw',
      // Another Go would be fetched in silence, and the artifact's key would not know.
      GOTOOLCHAIN: 'local',
      CGO_ENABLED: (await needsC(work, project, tool.file)) ? '1' : '0',
    }
    const target = join(workspace.folder, 'app')
    const path = [join(tool.file, '..')]
    if (declaration.command === undefined) {
      await copyFolder(source.app, target, { hardLinks: true, skip: (one) => SOURCE.test(one) })
      await mkdir(join(target, 'bin'), { recursive: true })
      for (const folder of project.mains) {
        const name = programName(project.module, folder)
        await steps.run({
          name: `go build ${folder === '.' ? '.' : `./${folder}`}`,
          command: [
            tool.file,
            'build',
            '-trimpath',
            '-buildvcs=false',
            '-o',
            join(target, 'bin', name),
            folder === '.' ? '.' : `./${folder}`,
          ],
          folder: source.app,
          path,
          env,
        })
      }
    } else {
      const copy = join(workspace.folder, 'copy')
      await copyFolder(source.context, copy)
      const app = join(copy, source.path)
      await steps.run({
        name: declaration.command,
        command: declaration.command,
        folder: app,
        path,
        env,
        secrets: workspace.secrets,
      })
      await copyFolder(app, target, { hardLinks: true, skip: (one) => SOURCE.test(one) && one !== 'bin' })
    }
    return {
      dependencies: null,
      app: target,
      env: { PATH: '$WORKSPACE/bin:$PATH' },
      dependencyComponents: async () => [],
      components: await components(toolbox, tool.file, join(target, 'bin')),
    }
  },
}

async function goTool({ version }: GoProject, toolbox: Toolbox) {
  return choose(await toolbox.versions('go', ['version']), {
    name: 'Go',
    file: 'go.mod',
    range: `>=${version.split('.').length === 2 ? `${version}.0` : version}`,
    written: version,
    hint: `Install Go ${version} or newer: https://go.dev/dl, brew install go, or your package manager`,
  })
}

/** Programs are built without C, so that they run on any Linux, unless something in them is C. */
async function needsC(
  { source, workspace, toolbox, caches }: Work,
  { usesC }: GoProject,
  file: string,
): Promise<boolean> {
  if (usesC) return true
  // The modules of the standard library do without it.
  if (!(await exists(join(source.app, 'go.sum')))) return false
  const format = '{{if and .CgoFiles (not .Standard)}}{{.ImportPath}}{{end}}'
  const listed = await toolbox.askNow(
    file,
    ['list', '-C', source.app, '-e', '-deps', '-f', format, './...'],
    {
      GOCACHE: join(workspace.cache, 'go-build'),
      GOMODCACHE: join(workspace.cache, 'go-mod'),
      GOPATH: join(workspace.cache, 'go'),
      GOFLAGS: '-modcacherw',
      GOTOOLCHAIN: 'local',
      CGO_ENABLED: '1',
      ...caches,
    },
  )
  return listed !== null && listed !== ''
}

/** The modules that Go itself wrote into the programs, and the Go that built them. */
async function components(toolbox: Toolbox, file: string, bin: string): Promise<Component[]> {
  const text = (await exists(bin)) ? await toolbox.askNow(file, ['version', '-m', bin]) : null
  if (text === null) return []
  const found: Component[] = []
  for (const line of text.split('\n')) {
    const [, toolchain] = /: go(\d+\.\d+(?:\.\d+)?)/.exec(line) ?? []
    if (toolchain) found.push(componentOf('stdlib', toolchain))
    const [, kind, path, version] = /^\t(dep|=>)\t(\S+)(?:\t(\S+))?/.exec(line) ?? []
    if (kind === '=>') found.pop()
    if (path) found.push(componentOf(path, version ?? 'unknown'))
  }
  return found
}

function componentOf(path: string, version: string): Component {
  return {
    name: path,
    version,
    purl: `pkg:golang/${path.split('/').map(purlPart).join('/')}@${purlPart(version)}`,
  }
}
