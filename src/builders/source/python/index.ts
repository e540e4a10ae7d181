import { join } from 'node:path'
import { copyFolder, readText } from '../files.ts'
import { keyOf, type Language, type Source, type Work } from '../language.ts'
import type { Toolbox } from '../tools.ts'
import { BASE, installPackages, pythonEnvironment } from './install.ts'
import { chooseInterpreter, type Interpreter } from './interpreter.ts'
import { pythonComponents } from './packages.ts'
import { localInputs, type PythonProject, readPythonProject } from './project.ts'
import { collectsStaticFiles, startCommand } from './start.ts'

/** Python apps by requirements.txt, pyproject.toml or uv.lock, or a bare app.py; packages in a relocatable folder. */
export const python: Language = {
  name: 'python',
  async plan(source, _declaration, toolbox) {
    const project = await readPythonProject(source)
    if (!project) return null
    const { interpreter, uv } = await prepare(project, toolbox)
    const start = await startCommand(source.app, project.names)
    return {
      because: `A Python app: there is ${project.listedIn === null ? 'a Python file to start' : `a ${project.listedIn}`}`,
      tools: { python: interpreter.version, uv: uv ?? '' },
      ...(await dependenciesOf(source, project, interpreter, uv)),
      runtime: { name: 'python', version: interpreter.version, range: `${interpreter.minor}.x` },
      folder: '.',
      processes: start === null ? {} : { web: start },
    }
  },
  async build(work) {
    const { source, toolbox, workspace, steps } = work
    const project = (await readPythonProject(source))!
    const { interpreter, uv } = await prepare(project, toolbox)
    if (!project.isLocked && project.lines.some((line) => !/==|@|^-|^\.\//.test(line))) {
      steps.say(`${project.listedIn} leaves versions open: the ones chosen now are kept until it changes.`)
    }
    if (workspace.dependencies !== null)
      steps.reused('install packages', `${project.listedIn ?? 'what the app needs'} has not changed`)
    const dependencies = workspace.dependencies ?? (await installPackages(work, project, interpreter, uv))
    return {
      dependencies,
      app: await appFolder(work, interpreter, dependencies),
      env: {
        ...pythonEnvironment(interpreter, '$WORKSPACE', '$WORKSPACE'),
        PATH: `$WORKSPACE/${BASE}/bin:$PATH`,
      },
      dependencyComponents: () => pythonComponents(dependencies),
    }
  },
}

async function prepare(project: PythonProject, toolbox: Toolbox) {
  const uv = project.listedIn === 'uv.lock' ? (toolbox.all('uv')[0] ?? null) : null
  const interpreter = await chooseInterpreter(
    toolbox,
    {
      ...project.python,
      file: project.python.range === null ? (project.listedIn ?? 'The app') : project.python.file,
    },
    project.lines.length > 0 && uv === null,
  )
  return { interpreter, uv }
}

async function dependenciesOf(
  source: Source,
  project: PythonProject,
  interpreter: Interpreter,
  uv: string | null,
) {
  const named = project.lines.filter((line) => line.startsWith('-c ')).map((line) => readText(line.slice(3)))
  const constraints = await Promise.all(named)
  const lines = project.lines.map((line) => line.replace(source.app, ''))
  const local = await localInputs(source, project.local)
  const dependencyKey = keyOf({
    ...{ layout: 1, constraints, lines, local },
    locked: project.isLocked,
    python: [interpreter.version, interpreter.command],
    client: uv === null ? 'pip' : 'uv',
    machine: [process.platform, process.arch],
  })
  const dependencyParts = {
    [project.listedIn ?? 'what the app needs']: keyOf([constraints, lines]),
    ...(local.length > 0 && { 'a package of this repository': keyOf(local) }),
  }
  return { dependencyKey, dependencyParts }
}

/** The source as it is, or a copy in which the build step ran. */
async function appFolder(work: Work, interpreter: Interpreter, dependencies: string): Promise<string> {
  const { source, declaration, workspace, steps } = work
  const gathers = declaration.command === undefined && (await collectsStaticFiles(source.app))
  const command = declaration.command ?? (gathers ? 'python manage.py collectstatic --noinput' : null)
  if (command === null) return source.app
  const copy = join(workspace.folder, 'app')
  await copyFolder(source.context, copy)
  const app = join(copy, source.path)
  await steps.run({
    name: command,
    command,
    folder: app,
    path: [join(dependencies, BASE, 'bin')],
    env: { ...pythonEnvironment(interpreter, dependencies, app), PYTHONDONTWRITEBYTECODE: '1' },
    secrets: workspace.secrets,
  })
  return app
}
