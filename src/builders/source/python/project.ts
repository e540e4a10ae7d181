import { join, posix } from 'node:path'
import { parse as parseToml } from 'smol-toml'
import { TowError } from '../../../api/errors.ts'
import { exists, readText, walk } from '../files.ts'
import type { Source } from '../language.ts'
import { rangeOfSpecifier } from './interpreter.ts'
import { requirementsOfLock, type UvLock } from './uv-lock.ts'

export interface PythonProject {
  /** Which file lists the packages; null where the app needs none. */
  listedIn: string | null
  /** What pip installs: requirement lines, already without includes. */
  lines: string[]
  /** Everything is pinned and listed: nothing further is to be resolved. */
  isLocked: boolean
  /** Normalised names of what is asked for directly. */
  names: Set<string>
  /** Folders of local packages, relative to the context. */
  local: string[]
  python: { file: string; range: string | null }
}

interface Pyproject {
  project?: { dependencies?: string[]; 'requires-python'?: string }
  tool?: { poetry?: { dependencies?: Record<string, unknown> } }
}

const APP_FILES = ['app.py', 'main.py', 'wsgi.py', 'asgi.py', 'server.py', 'application.py', 'manage.py']

/** What the files of a Python app say; null where it is none. */
export async function readPythonProject(source: Source): Promise<PythonProject | null> {
  const read = (file: string) => readText(join(source.app, file))
  const [requirements, pyprojectText, uvLock] = await Promise.all(
    ['requirements.txt', 'pyproject.toml', 'uv.lock'].map(read),
  )
  const pyproject = pyprojectText == null ? null : (toml('pyproject.toml', pyprojectText) as Pyproject)
  const python = await wantedPython(read, pyproject)
  if (uvLock != null) {
    const { lines, local } = requirementsOfLock(toml('uv.lock', uvLock) as unknown as UvLock)
    return project('uv.lock', {
      lines,
      isLocked: true,
      local: local.map((path) => posix.join(source.path, path)),
      python,
    })
  }
  if (requirements != null) {
    const found = await requirementLines(source, 'requirements.txt')
    return project('requirements.txt', { ...found, isLocked: false, python })
  }
  if (pyproject?.project) {
    return project('pyproject.toml', {
      lines: pyproject.project.dependencies ?? [],
      isLocked: false,
      local: [],
      python,
    })
  }
  for (const [file, exported] of [
    ['poetry.lock', 'poetry export -o requirements.txt'],
    ['Pipfile', 'pipenv requirements > requirements.txt'],
  ] as const) {
    if (pyproject?.tool?.poetry || (await exists(join(source.app, file)))) {
      const by = pyproject?.tool?.poetry ? 'pyproject.toml' : file
      throw new TowError('REFUSED', `${by} lists its packages in a form that pip cannot read`, {
        hint: `Write them out: ${exported}`,
      })
    }
  }
  // A lone script beside the files of another language is a helper, not the app.
  for (const file of ['package.json', 'index.html']) if (await exists(join(source.app, file))) return null
  for (const file of APP_FILES)
    if (await exists(join(source.app, file)))
      return project(null, { lines: [], isLocked: true, local: [], python })
  return null
}

function project(listedIn: string | null, rest: Omit<PythonProject, 'listedIn' | 'names'>): PythonProject {
  return { listedIn, ...rest, names: new Set(rest.lines.map(nameOf).filter((name) => name !== '')) }
}

function toml(file: string, text: string): Record<string, unknown> {
  try {
    return parseToml(text)
  } catch (error) {
    throw new TowError('BAD_INPUT', `${file} is not valid TOML: ${(error as Error).message.split('\n')[0]}`, {
      cause: error,
    })
  }
}

/** `Flask-SQLAlchemy[async]>=3` is `flask-sqlalchemy`. */
function nameOf(line: string): string {
  const name = /^([A-Za-z0-9][A-Za-z0-9._-]*)/.exec(line)?.[1] ?? ''
  return normalised(name)
}

/** One spelling for names that packaging treats as equal. */
export function normalised(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, '-')
}

/** The lines of a requirements file and of those it includes. Paths of local packages are found, editable or not. */
async function requirementLines(
  source: Source,
  file: string,
  seen = new Set<string>(),
): Promise<{ lines: string[]; local: string[] }> {
  if (seen.has(file)) return { lines: [], local: [] }
  seen.add(file)
  const text = await readText(join(source.app, file))
  if (text === null)
    throw new TowError('BAD_INPUT', `requirements.txt includes ${file}, and there is no such file`)
  const lines: string[] = []
  const local: string[] = []
  for (const raw of text.replace(/\\\r?\n/g, ' ').split(/\r?\n/)) {
    const line = raw.replace(/(^|\s)#.*$/, '').trim()
    if (line === '') continue
    const included = /^(?:-r|--requirement)[\s=]+(.+)$/.exec(line)?.[1]
    if (included) {
      const inner = await requirementLines(source, posix.join(posix.dirname(file), included), seen)
      lines.push(...inner.lines)
      local.push(...inner.local)
      continue
    }
    const constraints = /^(?:-c|--constraint)[\s=]+(.+)$/.exec(line)?.[1]
    if (constraints) {
      lines.push(`-c ${join(source.app, posix.dirname(file), constraints)}`)
      continue
    }
    const path = /^(?:-e\s+|--editable[\s=]+)?(?:file:)?(\.{1,2}(?:\/[^\s[;]*)?)(.*)$/.exec(line)
    if (path) {
      const folder = posix.join(source.path, posix.dirname(file), path[1]!)
      if (folder.startsWith('..')) {
        throw new TowError(
          'REFUSED',
          `${file} names ${path[1]}, which lies outside of what the build may read`,
          {
            hint: 'Set context in tow.yaml to a folder that holds both',
          },
        )
      }
      local.push(folder)
      lines.push(`./${folder}${path[2]}`)
      continue
    }
    lines.push(line.replace(/^(?:-e\s+|--editable[\s=]+)/, ''))
  }
  return { lines, local }
}

async function wantedPython(
  read: (file: string) => Promise<string | null>,
  pyproject: Pyproject | null,
): Promise<PythonProject['python']> {
  for (const [file, pattern] of [
    ['runtime.txt', /^python-(3\.\d+)/m],
    ['.python-version', /^(3\.\d+)/m],
  ] as const) {
    // The patch version that a file names is rarely the one that a machine has, and no package depends on it.
    const minor = pattern.exec((await read(file)) ?? '')?.[1]
    if (minor) return { file, range: `${minor}.x` }
  }
  const specifier = pyproject?.project?.['requires-python']
  return { file: 'pyproject.toml', range: specifier ? rangeOfSpecifier(specifier) : null }
}

/** What of the local packages decides their result: every file's path and text. */
export async function localInputs(
  source: Source,
  folders: readonly string[],
): Promise<[path: string, text: string][]> {
  const inputs: [string, string][] = []
  for (const folder of folders) {
    for (const { path, kind } of await walk(join(source.context, folder), (path) =>
      /(^|\/)(\.git|\.venv|__pycache__)$/.test(path),
    )) {
      if (kind === 'file')
        inputs.push([posix.join(folder, path), (await readText(join(source.context, folder, path))) ?? ''])
    }
  }
  return inputs
}
