/** Commands are run by a real shell, with the languages that this machine has. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { debugged, debuggedProcesses } from './debugging.ts'

const exec = promisify(execFile)
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tow-debugging-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

/** Runs what a command becomes; whatever it names is found in the folder first. */
async function run(command: string, env: Record<string, string> = {}) {
  const path = `${folder}:${dirname(process.execPath)}:${process.env.PATH}`
  const port = await freePort()
  const options = { cwd: folder, env: { PATH: path, TOW_DEBUG_PORT: String(port), ...env } }
  return { port, ...(await exec('/bin/sh', ['-c', command], options)) }
}

function program(name: string, text: string): void {
  writeFileSync(join(folder, name), text)
  chmodSync(join(folder, name), 0o755)
}

describe('a Node command', () => {
  const LOOK = "console.log(JSON.stringify([process.argv[2], require('node:inspector').url() ?? null]))"
  const spoken = (stdout: string) =>
    Object.fromEntries(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as [string, string | null]),
    )

  test('has an inspector on the port, in the first of its processes that is the app’s own', async () => {
    const child =
      "require('node:child_process').execFileSync(process.execPath, ['look.js', 'child'], { stdio: 'inherit' })"
    program('look.js', LOOK)
    program('start.js', `${LOOK}\n${child}`)
    // As npm starts it: a program of Node's too, which must not take the port.
    mkdirSync(join(folder, 'bin'), { recursive: true })
    program('bin/npm', `${LOOK}\n${child.replace("'look.js', 'child'", "'start.js', 'app'")}`)
    const { stdout, stderr, port } = await run(debugged('node bin/npm npm', 'node')!)
    expect(spoken(stdout)).toEqual({
      npm: null,
      app: expect.stringContaining(`ws://127.0.0.1:${port}/`),
      child: null,
    })
    expect(stderr).toBe('')
  })

  test('keeps what its own options say', async () => {
    program('option.js', 'console.log(process.title)')
    const { stdout } = await run(debugged('node option.js', 'node')!, { NODE_OPTIONS: '--title=mine' })
    expect(stdout).toBe('mine\n')
  })
})

describe('a Python command', () => {
  test.each([
    ['python app.py', '-m debugpy --listen 127.0.0.1:PORT app.py'],
    ['python3 -u -m app --fast', '-u -m debugpy --listen 127.0.0.1:PORT -m app --fast'],
    ['uvicorn app:api --port 80', '-m debugpy --listen 127.0.0.1:PORT -m uvicorn app:api --port 80'],
    ['.venv/bin/flask run', '-m debugpy --listen 127.0.0.1:PORT -m flask run'],
  ])('%s is run by debugpy', async (command, expected) => {
    for (const name of ['python', 'python3']) program(name, '#!/bin/sh\n[ "$1" = -c ] || echo "$@"')
    const { stdout, port } = await run(debugged(command, 'python')!)
    expect(stdout.trim()).toBe(expected.replace('PORT', String(port)))
  })

  test('runs as it is where debugpy is missing, and says so', async () => {
    program('python', '#!/bin/sh\n[ "$1" = -c ] && exit 1\necho "$@"')
    const { stdout, stderr } = await run(debugged('python app.py', 'python')!)
    expect({ stdout, stderr }).toEqual({
      stdout: 'app.py\n',
      stderr: expect.stringContaining('debugpy is not among the packages of the app'),
    })
  })
})

test('a Ruby command has rdbg on the port where the gem is there', async () => {
  program('ruby', '#!/bin/sh\n[ "$1" = -e ] || echo "$RUBYOPT $RUBY_DEBUG_HOST $RUBY_DEBUG_PORT $1"')
  const { stdout, port } = await run(debugged('ruby app.rb', 'ruby')!)
  expect(stdout.trim()).toBe(`-rdebug/open_nonstop  127.0.0.1 ${port} app.rb`)
})

test('a command that names the port starts a debugger of its own', () => {
  const command = 'dlv debug --headless --listen 127.0.0.1:$TOW_DEBUG_PORT'
  expect(debugged(command, 'none')).toBe(command)
})

test('what nobody knows how to debug runs without, and only where it was asked for', () => {
  const processes = { web: { command: './app' }, worker: { command: 'node work.js' } } as never
  const live = { commands: {}, reloading: [], debug: true }
  expect(debuggedProcesses({ processes }, live, 'none')).toMatchObject({
    ...{ debugger: null, without: ['web', 'worker'], commands: {} },
  })
  expect(debuggedProcesses({ processes }, { ...live, debug: false }, 'node')).toBeNull()
})
