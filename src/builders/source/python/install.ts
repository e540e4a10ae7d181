import { chmod, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { copyFolder, exists, walk } from '../files.ts'
import type { Work } from '../language.ts'
import type { Interpreter } from './interpreter.ts'
import type { PythonProject } from './project.ts'

/** Where packages lie in the artifact: the layout of Python's user base, which finds itself wherever it is laid out. */
export const BASE = '.venv'

/** The folder of packages, relative to the artifact. */
export function sitePackages({ minor }: Pick<Interpreter, 'minor'>): string {
  return `${BASE}/lib/python${minor}/site-packages`
}

/** What every step and process needs in order to find the packages that lie below `root`. */
export function pythonEnvironment(
  interpreter: Interpreter,
  root: string,
  app: string,
): Record<string, string> {
  return {
    PYTHONUSERBASE: `${root}/${BASE}`,
    // The user base alone is not looked at inside a virtual environment; this one alone would ignore .pth files.
    PYTHONPATH: [app, `${app}/src`, `${root}/${sitePackages(interpreter)}`].join(':'),
    PYTHONUNBUFFERED: '1',
  }
}

/** The same bytes for the same packages: no times, no random order, nobody's own settings for Python. */
const REPRODUCIBLE = { PYTHONHASHSEED: '0', SOURCE_DATE_EPOCH: '315532800', PYTHONDONTWRITEBYTECODE: '1' }

/** Installs what the project lists into a folder that works wherever it is laid out. */
export async function installPackages(
  work: Work,
  project: PythonProject,
  interpreter: Interpreter,
  uv: string | null,
): Promise<string> {
  const { workspace, steps } = work
  const target = join(workspace.folder, 'dependencies')
  const site = join(target, sitePackages(interpreter))
  const bin = join(target, BASE, 'bin')
  await mkdir(site, { recursive: true })
  await mkdir(bin, { recursive: true })
  // Python of macOS looks here, without its version.
  await symlink(`python${interpreter.minor}`, join(target, BASE, 'lib', 'python'))
  if (project.lines.length > 0) {
    const folder = await installFolder(work, project)
    await writeFile(join(workspace.folder, 'requirements.txt'), `${project.lines.join('\n')}\n`)
    const list = ['-r', join(workspace.folder, 'requirements.txt')]
    if (uv === null) {
      await steps.run({
        name: `pip install (${project.listedIn})`,
        command: [
          interpreter.file,
          ...[
            '-m',
            'pip',
            'install',
            '--no-input',
            '--no-compile',
            '--ignore-installed',
            '--progress-bar',
            'off',
            '--no-warn-script-location',
          ],
          ...['--target', site, ...(project.isLocked ? ['--no-deps'] : []), ...list],
        ],
        folder,
        because: workspace.installs,
        env: {
          ...REPRODUCIBLE,
          PIP_CACHE_DIR: join(workspace.cache, 'pip'),
          PIP_DISABLE_PIP_VERSION_CHECK: '1',
          PIP_ROOT_USER_ACTION: 'ignore',
        },
      })
    } else {
      await steps.run({
        name: `uv pip install (${project.listedIn})`,
        command: [
          uv,
          'pip',
          'install',
          '--python',
          interpreter.file,
          '--target',
          site,
          '--link-mode',
          'copy',
          ...(project.isLocked ? ['--no-deps'] : []),
          ...list,
        ],
        folder,
        because: workspace.installs,
        env: {
          ...REPRODUCIBLE,
          UV_CACHE_DIR: join(workspace.cache, 'uv'),
          UV_NO_PROGRESS: '1',
          UV_PYTHON_DOWNLOADS: 'never',
        },
      })
    }
    await settle(site, bin, interpreter)
    await steps
      .run({
        name: 'compile packages',
        command: [
          interpreter.file,
          ...[
            '-m',
            'compileall',
            '-q',
            '-j',
            '1',
            '--invalidation-mode',
            'unchecked-hash',
            '-s',
            target,
            '-p',
            '/workspace',
            site,
          ],
        ],
        folder,
        env: REPRODUCIBLE,
      })
      .catch(() => steps.say('Some packages hold files for another Python version; they were not compiled'))
  }
  await nameInterpreter(bin, interpreter)
  return target
}

/** Local packages write into their folder when they are built: those are built from a copy. */
async function installFolder({ source, workspace }: Work, project: PythonProject): Promise<string> {
  if (project.local.length === 0) return source.app
  const copy = join(workspace.folder, 'install')
  await copyFolder(source.context, copy)
  return copy
}

/** Moves scripts to where PATH finds them and takes out what names the folder of the build. */
async function settle(site: string, bin: string, { command }: Interpreter): Promise<void> {
  const scripts = join(site, 'bin')
  if (await exists(scripts)) {
    for (const { path, kind } of await walk(scripts)) {
      if (kind !== 'file' || path.includes('/')) continue
      const text = await readFile(join(scripts, path))
      await writeFile(join(bin, path), relocatable(text, command))
      await chmod(join(bin, path), 0o755)
    }
    await rm(scripts, { recursive: true })
  }
  await rm(join(site, '.lock'), { force: true })
  for (const { path, kind } of await walk(site)) {
    if (kind === 'folder' && /(^|\/)__pycache__$/.test(path))
      await rm(join(site, path), { recursive: true, force: true })
    if (kind !== 'file' || !/\.dist-info\/(direct_url\.json|RECORD)$/.test(path)) continue
    const file = join(site, path)
    if (path.endsWith('direct_url.json')) {
      if ((await readFile(file, 'utf8')).includes('file://')) await rm(file)
      continue
    }
    const lines = (await readFile(file, 'utf8')).split('\n')
    const kept = lines.filter((line) => !/^((\.\.\/)*bin\/|.*direct_url\.json,|.*\.pyc,)/.test(line))
    await writeFile(`${file}.new`, kept.sort().join('\n').replace(/^\n+/, ''))
    await rename(`${file}.new`, file)
  }
}

/** A script that starts the Python of its PATH, not the one of the machine that built it. */
export function relocatable(script: Buffer, command: string): Buffer {
  const text = script.toString('latin1')
  const shebang = /^#!(\/bin\/sh\r?\n'''exec' .*\r?\n' '''\r?\n|.*python.*\r?\n)/.exec(text)
  if (!shebang) return script
  const opening = `#!/bin/sh\n'''exec' ${command} "$0" "$@"\n' '''\n`
  return Buffer.from(opening + text.slice(shebang[0].length), 'latin1')
}

/** `python` and `python3` both mean the version that the packages are for. */
async function nameInterpreter(bin: string, { command }: Interpreter): Promise<void> {
  for (const name of ['python', 'python3']) {
    if (name === command) continue
    await writeFile(join(bin, name), `#!/bin/sh\nexec ${command} "$@"\n`)
    await chmod(join(bin, name), 0o755)
  }
}
