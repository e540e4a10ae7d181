/** A whole platform that may open few files, and strangers who hold as many connections as they can get. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { App } from '../../src/api/apps.ts'

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname
const HANDLES = 160
const STRANGERS = 600

let home: string
let app: string
let url: string
let platform: string

/** What it starts is bounded, too. */
function tow(...args: string[]): Promise<{ exit: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(
      'sh',
      ['-c', `ulimit -n ${HANDLES}; exec "$@"`, 'sh', process.execPath, MAIN, ...args],
      { cwd: app, env: { ...process.env, CI: 'true', TOW_HOME: home } },
      (error, stdout, stderr) => resolve({ exit: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
    )
  })
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'tow-h-'))
  app = await mkdtemp(join(tmpdir(), 'tow-w-'))
  await mkdir(app, { recursive: true })
  await writeFile(join(app, 'package.json'), '{"name":"hello","scripts":{"start":"node server.js"}}')
  await writeFile(
    join(app, 'server.js'),
    `require('node:http').createServer((_, answer) => answer.end(String(process.pid))).listen(process.env.PORT)`,
  )
  expect(await tow('ship')).toMatchObject({ exit: 0 })
  const [found] = JSON.parse((await tow('apps', '--json')).stdout) as App[]
  url = found!.environments[0]!.urls.find((one) => new URL(one).hostname === '127.0.0.1')!
  platform = (JSON.parse((await tow('up', '--json')).stdout) as { url: string }).url
}, 240_000)
afterAll(async () => {
  await tow('down')
  for (const folder of [home, app]) await rm(folder, { recursive: true, force: true })
}, 240_000)

/** Far more than there are handles for: each connects and says nothing. */
async function crowd(at: string): Promise<Socket[]> {
  const { hostname, port } = new URL(at)
  const sockets = Array.from({ length: STRANGERS }, () => connect(Number(port), hostname))
  for (const socket of sockets) socket.on('error', () => {})
  await Promise.all(
    sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve).once('error', resolve))),
  )
  return sockets
}

async function answers(at: string): Promise<string | null> {
  return fetch(at, { signal: AbortSignal.timeout(5000) })
    .then((answer) => answer.text())
    .catch(() => null)
}

describe('out of file handles', { timeout: 120_000 }, () => {
  test.each([
    ['the router', () => url],
    ['the platform', () => `${platform}/docs`],
  ])('%s goes on, and serves as before once the crowd is gone', async (_, at) => {
    const before = await answers(url)
    expect(before).not.toBeNull()
    const sockets = await crowd(at())
    // Whatever it says meanwhile, it stays there.
    await answers(at())
    for (const socket of sockets) socket.destroy()
    while ((await answers(at())) === null) await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await answers(url)).toBe(before)
    const status = await tow('status')
    expect(status).toMatchObject({ exit: 0 })
  })

  test('ships work all the while', async () => {
    const sockets = await crowd(url)
    await writeFile(join(app, 'note.txt'), 'changed')
    const shipped = await tow('ship')
    for (const socket of sockets) socket.destroy()
    // With the handles of the router taken, a rollout may have to wait, but it never fails without a word.
    if (shipped.exit !== 0) expect(shipped.stderr).toMatch(/^✗ .+/m)
    while ((await answers(url)) === null) await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await tow('ship')).toMatchObject({ exit: 0 })
  })
})
