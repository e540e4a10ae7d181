import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { TowError } from '../../api/errors.ts'
import type { BuildResult } from '../builder.ts'
import { passedOn } from './environment.ts'
import { walk } from './files.ts'
import { hintFor } from './hints.ts'
import { buildFolder, declarationOf, realBuilder, temporaryFolder, writeFiles } from './test-support.ts'

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`

async function project(files: Record<string, string>): Promise<string> {
  const folder = await temporaryFolder()
  await writeFiles(folder, files)
  return folder
}

const SECRET = 'correct-horse-battery-staple'

/** Every byte that a build hands over to be shipped. */
async function everythingOf(result: BuildResult): Promise<string> {
  const texts = [result.sbom]
  for (const folder of [result.app, result.dependencies]) {
    for (const { path, kind } of folder === null ? [] : await walk(folder)) {
      texts.push(path)
      if (kind === 'file') texts.push(await readFile(join(folder!, path), 'latin1'))
    }
  }
  return texts.join('\n')
}

describe('build secrets', () => {
  const seen = (name: string) =>
    `node -e "require('fs').writeFileSync('${name}', process.env.TOKEN ? 'seen' : 'not seen')"`

  test('reach the build command alone, and are in no layer or SBOM', async () => {
    const folder = await project({
      'package.json': json({
        scripts: {
          postinstall: seen('postinstall.txt'),
          build: `${seen('build.txt')} && echo "has $TOKEN"`,
          start: 'x',
        },
        dependencies: { 'is-number': '7.0.0' },
      }),
    })
    const { result, log } = await buildFolder(folder, {
      declaration: { secrets: ['TOKEN'] },
      secrets: { TOKEN: SECRET },
    })
    expect(await readFile(join(result.app, 'postinstall.txt'), 'utf8')).toBe('not seen')
    expect(await readFile(join(result.app, 'build.txt'), 'utf8')).toBe('seen')
    expect(log.split(SECRET)).toHaveLength(2)
    expect(await everythingOf(result)).not.toContain(SECRET)
  })
})

/** Processes of these groups that still run; one that has ended but was not yet asked how counts as gone. */
function alive(groups: readonly number[]): string[] {
  const listed = execFileSync('ps', ['-eo', 'pgid=,stat=,args='], { encoding: 'utf8' }).split('\n')
  return listed.filter((line) => {
    const [, group, state] = /^\s*(\d+)\s+(\S+)/.exec(line) ?? []
    return groups.includes(Number(group)) && !state!.startsWith('Z')
  })
}

describe('a build that is cancelled', () => {
  async function cancelled(script: string, reason?: unknown) {
    const folder = await project({ 'package.json': json({ scripts: { build: script, start: 'x' } }) })
    const abort = new AbortController()
    const pids: number[] = []
    let log = ''
    const builder = realBuilder()
    const source = { context: folder, path: '.' }
    const plan = (await builder.plan(source, declarationOf()))!
    const workspace = {
      folder: await temporaryFolder(),
      cache: await temporaryFolder(),
      dependencies: null,
      installs: '',
      secrets: {},
    }
    const output = (text: string) => {
      log += text
      if (log.includes('under way\n')) abort.abort(reason)
    }
    const report = {
      step: () => undefined,
      output,
      started: ({ pid }: { pid: number }) => void pids.push(pid),
    }
    const failure = await builder
      .build(plan, source, declarationOf(), workspace, report, abort.signal)
      .catch((error: unknown) => error)
    return { failure, pids }
  }

  test('ends with every process that it started', async () => {
    const { failure, pids } = await cancelled('sleep 600 & echo "under way"; sleep 600')
    expect(failure).toMatchObject({ code: 'CANCELLED', message: 'The build was cancelled' })
    expect(pids.length).toBeGreaterThan(0)
    await expect.poll(() => alive(pids)).toEqual([])
  })

  test('ends processes that do not listen, and gives the reason of whoever cancelled it', async () => {
    const reason = new TowError('FAILED', 'The build took longer than 1 hour')
    const { failure, pids } = await cancelled(
      `trap '' TERM; echo 'under way'; while :; do sleep 1; done`,
      reason,
    )
    expect(failure).toBe(reason)
    await expect.poll(() => alive(pids)).toEqual([])
  })

  test('leaves nothing of a package install that was under way', async () => {
    const folder = await project({
      'package.json': json({ dependencies: { express: '4.21.2' } }),
      'server.js': '',
    })
    const abort = new AbortController()
    const builder = realBuilder()
    const source = { context: folder, path: '.' }
    const pids: number[] = []
    const workspace = {
      folder: await temporaryFolder(),
      cache: await temporaryFolder(),
      dependencies: null,
      installs: '',
      secrets: {},
    }
    const started = ({ pid }: { pid: number }) => {
      pids.push(pid)
      setTimeout(() => abort.abort(), 300)
    }
    const report = { step: () => undefined, output: () => undefined, started }
    const plan = (await builder.plan(source, declarationOf()))!
    await expect(
      builder.build(plan, source, declarationOf(), workspace, report, abort.signal),
    ).rejects.toMatchObject({ code: 'CANCELLED' })
    await expect.poll(() => alive(pids)).toEqual([])
    const again = await buildFolder(folder, { cache: workspace.cache })
    expect(again.result.dependencies).not.toBeNull()
  })
})

test('what a step leaves running in the background ends with the step', async () => {
  const folder = await project({
    'package.json': json({ scripts: { build: 'sleep 600 & true', start: 'x' } }),
  })
  const { pids } = await buildFolder(folder)
  expect(pids).not.toEqual([])
  await expect.poll(() => alive(pids)).toEqual([])
})

test('a step sees a clean environment: its own home, and only what reaches registries', async () => {
  const folder = await project({ 'package.json': json({ scripts: { build: 'env > env.txt', start: 'x' } }) })
  const environment = {
    ...process.env,
    PRIVATE_KEY: 'do not look',
    HTTPS_PROXY: process.env.HTTPS_PROXY ?? '',
    no_proxy: 'example.invalid',
  }
  const { result } = await buildFolder(folder, { builder: { environment } })
  const env = await readFile(join(result.app, 'env.txt'), 'utf8')
  expect(env).not.toContain('PRIVATE_KEY')
  expect(env).toContain('no_proxy=example.invalid')
  expect(env).toMatch(/^HOME=.*tow-builders-.*\/home$/m)
})

test('of an environment only the settings of package clients are passed on', () => {
  const wanted = [
    'HTTPS_PROXY',
    'no_proxy',
    'SSL_CERT_FILE',
    'NODE_EXTRA_CA_CERTS',
    'npm_config_registry',
    'npm_config_@acme:registry',
    'PIP_INDEX_URL',
    'GOPROXY',
    'UV_INDEX_URL',
    'BUNDLE_MIRROR__X',
  ]
  const unwanted = [
    'AWS_SECRET_ACCESS_KEY',
    'npm_config_prefix',
    'npm_config_local_prefix',
    'npm_package_name',
    'NODE_OPTIONS',
    'PYTHONPATH',
    'GOFLAGS',
    'DATABASE_URL',
    'PIP_TARGET',
  ]
  const environment = Object.fromEntries([...wanted, ...unwanted].map((key) => [key, 'x']))
  expect(Object.keys(passedOn(environment))).toEqual(wanted)
})

test('endless output is cut, and says so', async () => {
  const folder = await project({
    'package.json': json({
      scripts: { build: 'yes "a long line of output" | head -c 40000000; true', start: 'x' },
    }),
  })
  const { log } = await buildFolder(folder)
  expect(log.length).toBeLessThan(17 * 1024 * 1024)
  expect(log).toContain('more output than 16 MB')
})

test('a folder of no known language is not recognised', async () => {
  const folder = await project({ 'README.md': 'x' })
  expect(await realBuilder().plan({ context: folder, path: '.' }, declarationOf())).toBeNull()
})

test('the builder can be named where several languages could be meant', async () => {
  const folder = await project({
    'package.json': '{}',
    'server.js': '',
    'requirements.txt': '',
    'app.py': '',
    'index.html': '',
  })
  const planned = async (builder: string) =>
    (await realBuilder().plan({ context: folder, path: '.' }, declarationOf({ builder })))?.language
  expect(await planned('auto')).toBe('python')
  expect(await planned('node')).toBe('node')
  expect(await planned('static')).toBe('static')
  expect(await planned('dockerfile')).toBeUndefined()
})

test('a script beside the files of another language is a helper, not the app', async () => {
  const folder = await project({ 'package.json': '{}', 'server.js': '', 'main.py': '' })
  expect((await realBuilder().plan({ context: folder, path: '.' }, declarationOf()))?.language).toBe('node')
})

test('a site can be asked for where package.json would start a server', async () => {
  const folder = await project({
    'package.json': json({
      scripts: { start: 'vite preview', build: 'mkdir dist && echo made > dist/index.html' },
    }),
    'index.html': 'source',
  })
  const { plan, result } = await buildFolder(folder, { declaration: { builder: 'static' } })
  expect(plan.processes.web).toBe('node .tow/static-server.mjs')
  expect(await readFile(join(result.app, 'index.html'), 'utf8')).toBe('made\n')
})

test.each([
  [
    'npm error `npm ci` can only install packages when your package.json and package-lock.json are in sync',
    'run npm install',
  ],
  [' ERR_PNPM_OUTDATED_LOCKFILE  Cannot install', 'run pnpm install'],
  ['npm error code E401', 'log in'],
  ['npm error getaddrinfo ENOTFOUND registry', 'HTTPS_PROXY'],
  ['RequestError: self-signed certificate in certificate chain', 'NODE_EXTRA_CA_CERTS'],
  ['tls: failed to verify certificate: x509: certificate signed by unknown authority', 'SSL_CERT_FILE'],
  ["error: command '/usr/bin/x86_64-linux-gnu-gcc' failed with exit code 1", 'install a compiler'],
  ['main.go:4:2: missing go.sum entry for module', 'go mod tidy'],
])('a well-known failure of a tool comes with its mend: %s', (output, mend) => {
  expect(hintFor(`before\n${output}\nafter`).hint).toContain(mend)
})

test('a full disk is told as one', async () => {
  const folder = await project({
    'package.json': json({
      scripts: { build: 'echo "write: No space left on device" >&2; exit 1', start: 'x' },
    }),
  })
  await expect(buildFolder(folder)).rejects.toMatchObject({
    code: 'DISK_FULL',
    message: 'npm run build failed with exit code 1',
  })
})

test('an unknown failure gets no made-up mend', () => {
  expect(hintFor('it broke')).toEqual({})
})
