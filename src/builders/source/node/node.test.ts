import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { sbomMistakes } from '../test-sbom.ts'
import {
  answerOf,
  buildFolder,
  declarationOf,
  layOut,
  realBuilder,
  temporaryFolder,
  treeOf,
  writeFiles,
} from '../test-support.ts'

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`

/** Two small packages of the registry, with a lockfile made by npm itself. */
const LEFT = { 'is-odd': '3.0.1' }

async function lock(folder: string): Promise<void> {
  const child = spawn(
    'npm',
    ['install', '--package-lock-only', '--ignore-scripts', '--no-audit', '--no-fund'],
    {
      cwd: folder,
      stdio: 'ignore',
    },
  )
  const [code] = await once(child, 'exit')
  expect(code).toBe(0)
}

async function project(files: Record<string, string>): Promise<string> {
  const folder = await temporaryFolder()
  await writeFiles(folder, files)
  return folder
}

const EXPRESS = `const express = require('express')
const app = express()
app.get('/', (request, response) => response.send('hello from express'))
app.listen(process.env.PORT, () => console.log('listening'))
`

describe('npm', () => {
  test('an Express app is installed by its lockfile, runs, and changes by a line in no time', async () => {
    const folder = await project({
      'package.json': json({
        name: 'shop',
        main: 'index.js',
        scripts: { start: 'node index.js', test: 'exit 1' },
        dependencies: { express: '^4.21.0' },
        devDependencies: LEFT,
      }),
      'index.js': EXPRESS,
    })
    await lock(folder)
    const cache = await temporaryFolder()
    const first = await buildFolder(folder, { cache })
    expect(first.plan).toMatchObject({
      language: 'node',
      because: 'A Node app: there is a package.json (npm, by package-lock.json)',
      processes: { web: 'node index.js' },
      folder: '.',
    })
    expect(first.steps.map(({ name }) => name)).toEqual(['npm ci --omit=dev'])
    expect(first.result).toMatchObject({
      app: folder,
      platform: 'any',
      env: { NODE_ENV: 'production', PATH: '$WORKSPACE/node_modules/.bin:$PATH' },
    })
    const modules = await readdir(join(first.result.dependencies!, 'node_modules'))
    expect(modules).toContain('express')
    expect(modules).not.toContain('is-odd')
    expect(await answerOf(first)).toBe('hello from express')

    const sbom = JSON.parse(first.result.sbom)
    expect(sbom).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.6' })
    expect(sbomMistakes(first.result.sbom)).toEqual([])
    const express = sbom.components.find(({ name }: { name: string }) => name === 'express')
    expect(express).toMatchObject({
      purl: `pkg:npm/express@${express.version}`,
      licenses: [{ license: { name: 'MIT' } }],
    })
    expect(express.hashes[0]).toMatchObject({
      alg: 'SHA-512',
      content: expect.stringMatching(/^[0-9a-f]{128}$/),
    })

    await writeFiles(folder, { 'index.js': EXPRESS.replace('hello', 'hallo') })
    const second = await buildFolder(folder, { cache, dependencies: first.result.dependencies })
    expect(second.plan.dependencyKey).toBe(first.plan.dependencyKey)
    expect(second.pids).toEqual([])
    expect(second.steps).toEqual([{ name: 'install packages', reused: 'package-lock.json has not changed' }])
    expect(second.result.sbom).toBe(first.result.sbom)
    expect(await answerOf(second)).toBe('hallo from express')
  })

  test('two builds in two folders give the same trees', async () => {
    const files = {
      'package.json': json({
        name: 'twin',
        scripts: { build: 'mkdir -p dist && is-odd-check > dist/out.txt || echo built > dist/out.txt' },
        dependencies: { express: '4.21.2' },
        devDependencies: LEFT,
      }),
      'server.js': '',
    }
    const one = await project(files)
    await lock(one)
    const two = await project({
      ...files,
      'package-lock.json': await readFile(join(one, 'package-lock.json'), 'utf8'),
    })
    const [first, second] = [await buildFolder(one), await buildFolder(two)]
    expect(second.plan.key).toBe(first.plan.key)
    expect(await treeOf(second.result.dependencies!)).toEqual(await treeOf(first.result.dependencies!))
    expect(await treeOf(second.result.app)).toEqual(await treeOf(first.result.app))
    expect(second.result.sbom).toBe(first.result.sbom)
    expect(Object.keys(await treeOf(first.result.app))).toEqual([
      'dist/out.txt',
      'package-lock.json',
      'package.json',
      'server.js',
    ])
  })

  test('a build script sees development packages; they are no part of the result, and wait for the next build', async () => {
    const folder = await project({
      'package.json': json({
        name: 'built',
        scripts: { build: 'node build.cjs', start: 'node dist/server.js', prepare: 'husky' },
        dependencies: { 'is-number': '6.0.0' },
        devDependencies: LEFT,
      }),
      'build.cjs': `const fs = require('node:fs')
fs.mkdirSync('dist'); fs.mkdirSync('node_modules/.generated'); fs.mkdirSync('node_modules/.cache')
fs.writeFileSync('dist/server.js', 'module.exports = ' + require('is-odd')(3))
fs.writeFileSync('node_modules/.generated/client.js', '1'); fs.writeFileSync('node_modules/.cache/x', '1')
fs.writeFileSync('dist/env', String(process.env.NODE_ENV))`,
    })
    await lock(folder)
    const cache = await temporaryFolder()
    const first = await buildFolder(folder, { cache })
    expect(first.steps.map(({ name }) => name)).toEqual(['npm ci --omit=dev', 'npm ci', 'npm run build'])
    const app = await treeOf(first.result.app)
    expect(Object.keys(app)).toEqual([
      'build.cjs',
      'dist/env',
      'dist/server.js',
      'node_modules/.generated/client.js',
      'package-lock.json',
      'package.json',
    ])
    expect(await readFile(join(first.result.app, 'dist/env'), 'utf8')).toBe('production')
    expect(await readdir(join(first.result.dependencies!, 'node_modules'))).toEqual(['is-number'])
    const second = await buildFolder(folder, { cache, dependencies: first.result.dependencies })
    expect(second.steps).toEqual([
      { name: 'install packages', reused: 'package-lock.json has not changed' },
      { name: 'install packages for the build', reused: 'package-lock.json has not changed' },
      { name: 'npm run build' },
    ])
    expect(await treeOf(second.result.app)).toEqual(app)
  })

  test('what is developed runs from its source, with development packages and without what a script would make', async () => {
    const folder = await project({
      'package.json': json({
        scripts: { build: 'exit 1', start: 'vite' },
        devDependencies: LEFT,
      }),
      'index.html': 'a page',
      'server.js': '',
    })
    await lock(folder)
    const cache = await temporaryFolder()
    const declaration = { development: true, startsItself: true }
    const { plan, result, steps } = await buildFolder(folder, { cache, declaration })
    expect(steps.map(({ name }) => name)).toEqual(['npm ci'])
    expect(result).toMatchObject({ app: folder, env: { NODE_ENV: 'development' } })
    expect(await readdir(join(result.dependencies!, 'node_modules'))).toContain('is-odd')
    const production = await buildFolder(folder, {
      cache,
      declaration: { command: 'true', startsItself: true },
    })
    expect(production.plan.dependencyKey).not.toBe(plan.dependencyKey)
  })

  test('scripts that patch packages change this build alone', async () => {
    const folder = await project({
      'package.json': json({
        scripts: { postinstall: 'node patch.cjs', start: 'node x.js' },
        dependencies: { 'is-number': '6.0.0' },
      }),
      'patch.cjs': `require('node:fs').appendFileSync('node_modules/is-number/index.js', process.argv[2] ?? '// patched')`,
    })
    await lock(folder)
    const cache = await temporaryFolder()
    const first = await buildFolder(folder, { cache })
    const patched = await readFile(join(first.result.app, 'node_modules/is-number/index.js'), 'utf8')
    expect(patched.match(/\/\/ patched/g)).toHaveLength(1)
    const second = await buildFolder(folder, { cache, dependencies: first.result.dependencies })
    expect(await readFile(join(second.result.app, 'node_modules/is-number/index.js'), 'utf8')).toBe(patched)
  })

  test('without dependencies and build script nothing is run at all', async () => {
    const folder = await project({
      'package.json': json({ name: 'bare', devDependencies: LEFT }),
      'server.js': '',
    })
    const { plan, result, steps } = await buildFolder(folder)
    expect(plan).toMatchObject({ dependencyKey: null, processes: { web: 'node server.js' } })
    expect(result).toMatchObject({ dependencies: null, app: folder })
    expect(steps).toEqual([])
  })

  test('without a lockfile it says so and still builds', async () => {
    const folder = await project({
      'package.json': json({ dependencies: { 'is-number': '^6.0.0' } }),
      'server.js': '',
    })
    const { log, steps, plan, result } = await buildFolder(folder)
    expect(log).toContain('There is no lockfile')
    expect(steps.map(({ name }) => name)).toEqual(['npm install --no-package-lock --omit=dev'])
    expect(plan.dependencyKey).not.toBeNull()
    const again = await buildFolder(folder, { dependencies: result.dependencies })
    expect(again.log).toBe('')
    expect(again.steps).toEqual([
      { name: 'install packages', reused: 'what package.json asks for has not changed' },
    ])
  })

  test('a failing build says which step and how, after its own output', async () => {
    const folder = await project({
      'package.json': json({ scripts: { build: 'echo no such thing >&2; exit 3', start: 'x' } }),
    })
    const output: string[] = []
    await expect(buildFolder(folder, { onOutput: (text) => output.push(text) })).rejects.toMatchObject({
      code: 'FAILED',
      message: 'npm run build failed with exit code 3',
    })
    expect(output.join('')).toContain('no such thing')
  })
})

describe('workspaces', () => {
  const MEMBERS = {
    'packages/greeting/package.json': json({
      name: '@shop/greeting',
      version: '1.0.0',
      main: 'dist/index.js',
      scripts: { build: 'mkdir -p dist && cp index.js dist/' },
      dependencies: { 'is-number': '7.0.0' },
    }),
    'packages/greeting/index.js': `module.exports = 'hello ' + require('is-number')(5)`,
    'packages/unused/package.json': json({
      name: '@shop/unused',
      version: '1.0.0',
      dependencies: { 'is-odd': '3.0.1' },
    }),
    'apps/web/server.js': `const greeting = require('@shop/greeting')
require('node:http').createServer((_, response) => response.end(greeting + require('is-number/package.json').version)).listen(process.env.PORT, () => console.log('listening'))`,
  }
  const web = (version: string) =>
    json({ name: 'web', version: '1.0.0', dependencies: { '@shop/greeting': version, 'is-number': '6.0.0' } })
  const ROOT = { name: 'shop', private: true, workspaces: ['apps/*', 'packages/*'] }

  async function check(folder: string, environment: NodeJS.ProcessEnv = process.env): Promise<void> {
    const built = await buildFolder(folder, { path: 'apps/web', builder: { environment } })
    expect(built.plan).toMatchObject({ folder: 'apps/web', processes: { web: 'node server.js' } })
    expect(await answerOf(built)).toBe('hello true6.0.0')
    const workspace = await layOut(built.result)
    const tree = await treeOf(workspace)
    const links = Object.entries(tree).filter(([, content]) => content.startsWith('->'))
    for (const [path, content] of links) {
      expect(join('/w', path, '..', content.slice(3)), `${path} ${content}`).toMatch(/^\/w\//)
    }
    expect(Object.keys(tree).some((path) => path.startsWith('packages/unused/'))).toBe(false)
    expect(Object.keys(tree).some((path) => path.includes('is-odd'))).toBe(false)
    expect(Object.keys(tree)).toContain('packages/greeting/dist/index.js')
  }

  test('npm: an app gets its local packages built, and nothing of the others', async () => {
    const folder = await project({
      ...MEMBERS,
      'package.json': json(ROOT),
      'apps/web/package.json': web('1.0.0'),
    })
    await lock(folder)
    await check(folder)
  })

  test('pnpm: fetched by packageManager', async () => {
    const folder = await project({
      ...MEMBERS,
      'package.json': json({ ...ROOT, workspaces: undefined, packageManager: 'pnpm@9.15.9' }),
      'pnpm-workspace.yaml': 'packages: ["apps/*", "packages/*"]\n',
      'apps/web/package.json': web('workspace:*'),
    })
    await check(folder)
  })

  test('Yarn classic', async () => {
    const folder = await project({
      ...MEMBERS,
      'package.json': json({ ...ROOT, packageManager: 'yarn@1.22.22' }),
      'apps/web/package.json': web('1.0.0'),
    })
    const built = await buildFolder(folder, { path: 'apps/web' })
    expect(await answerOf(built)).toBe('hello true6.0.0')
  })

  test('Yarn 4 with its node-modules linker', async () => {
    const folder = await project({
      ...MEMBERS,
      'package.json': json({ ...ROOT, packageManager: 'yarn@4.18.1' }),
      'apps/web/package.json': web('workspace:*'),
    })
    // It reads no settings of npm, which may be all that a machine has to say whom to trust.
    const asked = await promisify(execFile)('npm', ['config', 'get', 'cafile'], { cwd: folder })
    const authority = asked.stdout.trim()
    await check(folder, {
      ...process.env,
      ...(existsSync(authority) ? { YARN_HTTPS_CA_FILE_PATH: authority } : {}),
    })
  })
})

describe('sites', () => {
  test('what a build script makes is served, when nothing starts by itself', async () => {
    const folder = await project({
      'package.json': json({ scripts: { dev: 'vite', build: 'mkdir dist && cp index.html dist/' } }),
      'index.html': 'site',
      'src/main.ts': '',
    })
    const { plan, result } = await buildFolder(folder, { declaration: { spa: true } })
    expect(plan).toMatchObject({
      language: 'node',
      processes: { web: 'node .tow/static-server.mjs --spa' },
      runtime: { range: '>=18' },
    })
    expect(Object.keys(await treeOf(result.app))).toEqual(['.tow/static-server.mjs', 'index.html'])
    expect(result.dependencies).toBeNull()
  })

  test('a build script without a site is told how to go on', async () => {
    const folder = await project({ 'package.json': json({ scripts: { build: 'true' } }) })
    await expect(buildFolder(folder)).rejects.toMatchObject({
      message: expect.stringContaining('made no site'),
      hint: expect.stringContaining('Procfile'),
    })
  })

  test('an app that says itself how it starts is no site', async () => {
    const folder = await project({ 'package.json': json({ scripts: { build: 'true' } }) })
    const { plan } = await buildFolder(folder, { declaration: { startsItself: true } })
    expect(plan.processes).toEqual({})
  })
})

describe('what is asked of the machine', () => {
  const planOf = async (json_: unknown, options = {}) => {
    const folder = await project({ 'package.json': json(json_), 'server.js': '' })
    return realBuilder(options).plan({ context: folder, path: '.' }, declarationOf())
  }

  test('engines.node becomes the range of the runtime', async () => {
    expect((await planOf({ engines: { node: '>=18' } }))?.runtime.range).toBe('>=18')
  })

  test('a version that is not here is named, with what is here and how to get it', async () => {
    await expect(planOf({ engines: { node: '16.x' } })).rejects.toMatchObject({
      code: 'REFUSED',
      message: expect.stringMatching(/^package\.json needs Node 16\.x, and this machine has \d+/),
      hint: expect.stringContaining('nvm install 16'),
    })
  })

  test('a machine without Node is told so', async () => {
    await expect(planOf({}, { toolPath: '/nowhere' })).rejects.toMatchObject({
      message: 'package.json needs Node, and no node was found on this machine',
    })
  })

  test('a broken package.json is named', async () => {
    const folder = await project({ 'package.json': '{"name":' })
    await expect(realBuilder().plan({ context: folder, path: '.' }, declarationOf())).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringContaining('package.json is not valid JSON'),
    })
  })
})
