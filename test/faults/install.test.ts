/** `npm install` of the bootstrap, killed at random points: the next start mends what it left. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { SEED } from '../seed.ts'

const BIN = fileURLToPath(new URL('../../bin', import.meta.url))
const PACKAGES = 12
const KILLS = 4

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tow-install-'))
  cpSync(BIN, join(root, 'bin'), { recursive: true })
  const names = Array.from({ length: PACKAGES }, (_, index) => `part-${index}`)
  for (const name of names) makePackage(name)
  const dependencies = Object.fromEntries(names.map((name) => [name, `file:packages/${name}-1.0.0.tgz`]))
  // As the bootstrap's own: what runs is plain JavaScript that asks for all of them.
  writeFileSync(
    join(root, 'package.json'),
    JSON.stringify({ name: 'clone', private: true, type: 'module', dependencies }),
  )
  run('npm', ['install', '--package-lock-only', '--no-audit', '--no-fund'])
  mkdirSync(join(root, 'examples'))
  writeFileSync(
    join(root, 'examples/start.ts'),
    `${names.map((name, index) => `import p${index} from '${name}'`).join('\n')}
process.stdout.write(\`started with \${[${names.map((_, index) => `p${index}`).join(', ')}].length}\`)\n`,
  )
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

/** Many files: there is always one that is not unpacked yet. */
function makePackage(name: string): void {
  const folder = join(root, 'sources', name, 'package')
  mkdirSync(join(folder, 'parts'), { recursive: true })
  mkdirSync(join(root, 'packages'), { recursive: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version: '1.0.0', main: 'index.js' }))
  const parts = Array.from({ length: 40 }, (_, index) => `./parts/${index}.js`)
  for (const part of parts)
    writeFileSync(join(folder, part), `module.exports = ${JSON.stringify('x'.repeat(2000))}`)
  writeFileSync(
    join(folder, 'index.js'),
    `module.exports = [${parts.map((part) => `require('${part}')`).join(', ')}]`,
  )
  // What npm pack makes, without waiting for npm.
  run('tar', ['-czf', join(root, 'packages', `${name}-1.0.0.tgz`), '-C', dirname(folder), 'package'])
}

function run(program: string, args: string[]): void {
  const { status, stderr } = spawnSync(program, args, { cwd: root, encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
}

function start(): ChildProcess {
  // A process group of its own, so that npm dies with it.
  return spawn(process.execPath, ['bin/bootstrap.mjs', 'start'], {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function started(): Promise<{ output: string; exit: number | null }> {
  const child = start()
  let output = ''
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const exit = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { output, exit }
}

test('an install that is killed anywhere is mended by the next start', { timeout: 240_000 }, async () => {
  for (let kill = 0; kill < KILLS; kill += 1) {
    const child = start()
    const gone = new Promise((resolve) => child.once('close', resolve))
    // From the first file that npm puts there on.
    while (!existsSync(join(root, 'node_modules/part-0')) && child.exitCode === null) await sleep(5)
    await sleep((SEED + kill * 61) % 150)
    try {
      process.kill(-child.pid!, 'SIGKILL')
    } catch {}
    await gone
  }
  const { output, exit } = await started()
  expect({ output, exit }).toMatchObject({
    exit: 0,
    output: expect.stringContaining(`started with ${PACKAGES}`),
  })
})

test('what npm would take for whole is unpacked anew', { timeout: 120_000 }, async () => {
  expect(await started()).toMatchObject({ exit: 0 })
  const modules = join(root, 'node_modules')
  // As an install leaves it that was killed in the middle of a package.
  rmSync(join(modules, 'part-3/parts'), { recursive: true })
  for (const name of ['.package-lock.json', '.towpath-stamp']) rmSync(join(modules, name))
  writeFileSync(join(modules, '.towpath-unfinished'), '')
  const { output, exit } = await started()
  expect({ output, exit }).toMatchObject({
    exit: 0,
    output: expect.stringContaining(`started with ${PACKAGES}`),
  })
  expect(existsSync(join(modules, '.towpath-unfinished'))).toBe(false)
})
