import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { walk } from '../files.ts'
import { sbomMistakes } from '../test-sbom.ts'
import {
  answerOf,
  buildFolder,
  declarationOf,
  environmentIn,
  layOut,
  realBuilder,
  temporaryFolder,
  treeOf,
  writeFiles,
} from '../test-support.ts'
import { relocatable } from './install.ts'
import { rangeOfSpecifier } from './interpreter.ts'
import { requirementsOfLock } from './uv-lock.ts'

const FLASK = `from flask import Flask
app = Flask(__name__)

@app.get("/")
def home():
    return "hello from flask"

if __name__ == "__main__":
    app.run(port=5000)
`

async function project(files: Record<string, string>): Promise<string> {
  const folder = await temporaryFolder()
  await writeFiles(folder, files)
  return folder
}

const planOf = async (files: Record<string, string>, options = {}) =>
  realBuilder(options).plan({ context: await project(files), path: '.' }, declarationOf())

describe('a Flask app with requirements.txt', () => {
  test('is installed, served, and changes by a line without an install', async () => {
    const folder = await project({
      'requirements.txt': 'flask==3.0.0\ngunicorn==22.0.0 # serves it\n',
      'app.py': FLASK,
    })
    const cache = await temporaryFolder()
    const first = await buildFolder(folder, { cache })
    expect(first.plan).toMatchObject({
      language: 'python',
      because: 'A Python app: there is a requirements.txt',
      processes: { web: 'gunicorn app:app --bind 0.0.0.0:$PORT' },
    })
    expect(first.plan.runtime.range).toMatch(/^3\.\d+\.x$/)
    expect(first.steps.map(({ name }) => name)).toEqual([
      'pip install (requirements.txt)',
      'compile packages',
    ])
    expect(first.result.app).toBe(folder)
    expect(await answerOf(first)).toBe('hello from flask')
    expect(sbomMistakes(first.result.sbom)).toEqual([])
    const components = JSON.parse(first.result.sbom).components as { purl: string; licenses: unknown }[]
    expect(components).toContainEqual(
      expect.objectContaining({
        purl: 'pkg:pypi/flask@3.0.0',
        licenses: [{ license: { name: 'BSD License' } }],
      }),
    )

    await writeFiles(folder, { 'app.py': FLASK.replace('hello', 'hallo') })
    const second = await buildFolder(folder, { cache, dependencies: first.result.dependencies })
    expect(second.plan.dependencyKey).toBe(first.plan.dependencyKey)
    expect(second.pids).toEqual([])
    expect(second.result.sbom).toBe(first.result.sbom)
    expect(await answerOf(second)).toBe('hallo from flask')
  })

  test('two builds give the same trees, and neither names the folder of its build', async () => {
    const files = {
      'requirements.txt': 'flask==3.0.0\ngunicorn==22.0.0\nMarkupSafe==2.1.5\n',
      'app.py': FLASK,
    }
    const [first, second] = [await buildFolder(await project(files)), await buildFolder(await project(files))]
    const tree = await treeOf(first.result.dependencies!)
    expect(await treeOf(second.result.dependencies!)).toEqual(tree)
    expect(second.result.sbom).toBe(first.result.sbom)
    const folder = first.result.dependencies!
    for (const { path, kind } of await walk(folder)) {
      if (kind !== 'file') continue
      expect((await readFile(join(folder, path))).includes('tow-builders-'), path).toBe(false)
    }
    expect(tree['.venv/lib/python']).toMatch(/^-> python3\.\d+$/)
    // Prebuilt machine code of this machine was recognised.
    expect(first.result.platform).toMatchObject({ os: process.platform, arch: process.arch })
  })

  test('scripts start the Python of their PATH in any folder', async () => {
    const built = await buildFolder(await project({ 'requirements.txt': 'flask==3.0.0\n', 'app.py': FLASK }))
    expect(built.plan.processes.web).toBe('flask --app app:app run --host 0.0.0.0 --port $PORT')
    const workspace = await layOut(built.result)
    const { stdout } = await promisify(execFile)(
      'sh',
      ['-c', 'flask --version && python -c "import flask; print(flask.__file__)"'],
      {
        cwd: workspace,
        env: environmentIn(workspace, built.result.env),
      },
    )
    expect(stdout).toContain('Flask 3.0.0')
    expect(stdout).toContain(`${workspace}/.venv/lib/python`)
    expect(await answerOf(built)).toBe('hello from flask')
  })
})

test('uv.lock is installed by pip with its hashes where there is no uv', async () => {
  const lock = `version = 1
requires-python = ">=3.9"

[[package]]
name = "demo"
version = "0.1.0"
source = { virtual = "." }
dependencies = [
    { name = "click" },
    { name = "colorama", marker = "sys_platform == 'win32'" },
]

[[package]]
name = "click"
version = "8.1.7"
source = { registry = "https://packages.example/simple" }
dependencies = [{ name = "colorama", marker = "sys_platform == 'win32'" }]
wheels = [
    { url = "https://example.invalid/click-8.1.7-py3-none-any.whl", hash = "sha256:ae74fb96c20a0277a1d615f1e4d73c8414f5a98db8b799a7931d1582f3390c28" },
]

[[package]]
name = "colorama"
version = "0.4.6"
source = { registry = "https://packages.example/simple" }
wheels = [{ url = "https://example.invalid/c.whl", hash = "sha256:4f1d9991f5acc0ca119f9d443620b77f9d6b33703e51011c16baf57afb285fc6" }]
`
  const folder = await project({
    'uv.lock': lock,
    'pyproject.toml':
      '[project]\nname = "demo"\nversion = "0.1.0"\nrequires-python = ">=3.9"\ndependencies = ["click"]\n',
    'main.py':
      'import click, http.server, os\nhttp.server.HTTPServer(("", int(os.environ["PORT"])), http.server.SimpleHTTPRequestHandler).serve_forever()\n',
  })
  const built = await buildFolder(folder)
  expect(built.plan).toMatchObject({
    because: 'A Python app: there is a uv.lock',
    processes: { web: 'python main.py' },
  })
  expect(JSON.parse(built.result.sbom).components.map(({ purl }: { purl: string }) => purl)).toEqual([
    'pkg:pypi/click@8.1.7',
  ])
  expect(await answerOf(built, '/main.py')).toContain('import click')
})

test('an app of the standard library alone needs no pip', async () => {
  const built = await buildFolder(await project({ 'app.py': 'print(1)\n' }))
  expect(built.steps).toEqual([])
  expect(built.plan.processes).toEqual({ web: 'python app.py' })
})

test('local packages are installed from a copy, and a change in one is another dependency layer', async () => {
  const files = {
    'requirements.txt': '-e ./lib\n',
    'app.py': 'import greeting',
    'lib/pyproject.toml':
      '[project]\nname = "greeting"\nversion = "1.0"\n[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n[tool.setuptools]\npy-modules = ["greeting"]\n',
    'lib/greeting.py': 'TEXT = "hi"\n',
  }
  const folder = await project(files)
  const before = await treeOf(folder)
  const built = await buildFolder(folder)
  expect(await treeOf(folder)).toEqual(before)
  expect(
    Object.keys(await treeOf(built.result.dependencies!)).some((path) => path.endsWith('/greeting.py')),
  ).toBe(true)
  await writeFiles(folder, { 'lib/greeting.py': 'TEXT = "ho"\n' })
  const plan = await realBuilder().plan({ context: folder, path: '.' }, declarationOf())
  expect(plan?.dependencyKey).not.toBe(built.plan.dependencyKey)
})

test('a Django app gathers its static files where its settings say so', async () => {
  const built = await buildFolder(
    await project({
      'requirements.txt': 'Django==4.2.16\n',
      'manage.py':
        'import os, sys\nfrom django.core.management import execute_from_command_line\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\nexecute_from_command_line(sys.argv)\n',
      'shop/settings.py':
        'import pathlib\nBASE_DIR = pathlib.Path(__file__).parent.parent\nSECRET_KEY = "x"\nSTATIC_URL = "/static/"\nSTATIC_ROOT = BASE_DIR / "gathered"\nINSTALLED_APPS = ["django.contrib.staticfiles"]\nSTATICFILES_DIRS = [BASE_DIR / "assets"]\n',
      'shop/__init__.py': '',
      'assets/site.css': 'a {}',
    }),
  )
  expect(built.plan.processes.web).toBe('python manage.py runserver 0.0.0.0:$PORT --noreload')
  expect(Object.keys(await treeOf(built.result.app))).toContain('gathered/site.css')
})

describe('how an app is served', () => {
  test.each([
    [
      'a FastAPI app',
      {
        'requirements.txt': 'fastapi\nuvicorn[standard]\n',
        'main.py': 'from fastapi import FastAPI\napi = FastAPI(title="x")\n',
      },
      'uvicorn main:api --host 0.0.0.0 --port $PORT',
    ],
    [
      'a factory',
      { 'requirements.txt': 'Flask\ngunicorn\n', 'wsgi.py': 'def create_app():\n    pass\n' },
      "gunicorn 'wsgi:create_app()' --bind 0.0.0.0:$PORT",
    ],
    [
      'waitress',
      { 'requirements.txt': 'Flask\nwaitress\n', 'app.py': FLASK },
      'waitress-serve --port=$PORT app:app',
    ],
    [
      'Django with gunicorn',
      {
        'requirements.txt': 'django\ngunicorn\n',
        'manage.py': '',
        'shop/wsgi.py': 'application = get_wsgi_application()\n',
      },
      'gunicorn shop.wsgi --bind 0.0.0.0:$PORT',
    ],
    ['a plain script', { 'requirements.txt': 'requests\n', 'server.py': 'x' }, 'python server.py'],
  ])('%s', async (_, files, web) => {
    expect((await planOf(files))?.processes).toEqual({ web })
  })

  test('nothing is made up where nothing tells', async () => {
    expect((await planOf({ 'requirements.txt': 'requests\n', 'tool/x.py': '' }))?.processes).toEqual({})
  })
})

describe('what is asked of the machine', () => {
  test('a version that is not here is named, with how to get it', async () => {
    await expect(planOf({ 'requirements.txt': '', 'runtime.txt': 'python-3.5.1\n' })).rejects.toMatchObject({
      code: 'REFUSED',
      message: expect.stringMatching(/^runtime\.txt needs Python 3\.5\.x, and this machine has 3\./),
      hint: expect.stringContaining('pyenv install 3.5'),
    })
  })

  test('a machine without Python is told so', async () => {
    await expect(planOf({ 'requirements.txt': 'flask\n' }, { toolPath: '/nowhere' })).rejects.toMatchObject({
      message: 'requirements.txt needs Python, and no python was found on this machine',
    })
  })

  test('a Python without pip is named, with how to get it', async () => {
    const folder = await project({ python3: '#!/bin/sh\necho \'["/opt/bare/python3", "3.11.2", false]\'\n' })
    await expect(planOf({ 'requirements.txt': 'flask\n' }, { toolPath: folder })).rejects.toMatchObject({
      message: 'Python 3.11.2 (/opt/bare/python3) has no pip to install packages with',
      hint: expect.stringContaining('python3-pip'),
    })
  })

  test.each([
    ['poetry.lock', { 'poetry.lock': '', 'pyproject.toml': '[tool.poetry]\nname = "x"\n' }],
    ['Pipfile', { Pipfile: '' }],
  ])('%s is refused with the way out', async (_, files) => {
    await expect(planOf(files)).rejects.toMatchObject({
      code: 'REFUSED',
      hint: expect.stringContaining('requirements.txt'),
    })
  })

  test.each([
    ['>=3.9,<4', '>=3.9.0 <4.0.0'],
    ['~=3.10', '>=3.10.0 <4.0.0'],
    ['~=3.10.2', '>=3.10.2 <3.11.0'],
    ['==3.11.*', '3.11.x'],
    ['>=3.9,!=3.9.7', '>=3.9.0'],
    ['nonsense', null],
  ])('requires-python %s is the range %s', (specifier, range) => {
    expect(rangeOfSpecifier(specifier)).toBe(range)
  })
})

test.each([
  ['#!/usr/bin/python3.11\nimport sys\n'],
  ["#!/bin/sh\n'''exec' \"/tmp/a folder/python\" \"$0\" \"$@\"\n' '''\nimport sys\n"],
])('a script is made relocatable: %j', (script) => {
  expect(relocatable(Buffer.from(script), 'python3').toString()).toBe(
    `#!/bin/sh\n'''exec' python3 "$0" "$@"\n' '''\nimport sys\n`,
  )
})

test('a lock keeps extras and conditions of every way that leads to a package', () => {
  const registry = { registry: 'https://packages.example/simple' }
  const { lines, local } = requirementsOfLock({
    package: [
      {
        name: 'app',
        source: { editable: '.' },
        dependencies: [
          { name: 'a', extra: ['fast'] },
          { name: 'b', marker: "os_name == 'nt'" },
          { name: 'lib' },
        ],
      },
      {
        name: 'a',
        version: '1',
        source: registry,
        'optional-dependencies': { fast: [{ name: 'c', marker: "python_version < '3.12'" }] },
      },
      { name: 'b', version: '2', source: registry, dependencies: [{ name: 'c' }, { name: 'a' }] },
      { name: 'c', version: '3', source: { git: 'https://host/c?rev=main#abc' } },
      { name: 'lib', source: { directory: 'libs/lib' } },
    ],
  })
  expect(lines).toEqual([
    './libs/lib',
    'a==1',
    "b==2 ; (os_name == 'nt')",
    "c @ git+https://host/c@abc ; (os_name == 'nt') or (python_version < '3.12')",
  ])
  expect(local).toEqual(['libs/lib'])
})
