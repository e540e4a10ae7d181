/**
 * Brings what package-lock.json names, and finds the Node that runs the source. Plain JavaScript that an old Node
 * (20.20) reads; nothing but Node and npm is needed.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, 'node_modules')
const stamp = join(modules, '.towpath-stamp')
/** There while npm works. */
const unfinished = join(modules, '.towpath-unfinished')

/** The oldest Node that runs TypeScript as it is. */
const OLDEST = [22, 18]

function lockDigest() {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
}

/** `npm start` needs less than tests and checks do, and a newcomer waits for it. */
export function isInstalled({ dev = true } = {}) {
  const folder = lstatSync(modules, { throwIfNoEntry: false })
  // Somebody linked it here on purpose: it is not ours to replace.
  if (folder?.isSymbolicLink()) return true
  if (existsSync(unfinished)) return false
  const installed = existsSync(stamp) ? readFileSync(stamp, 'utf8') : ''
  return installed === mark({ dev: true }) || (!dev && installed === mark({ dev: false }))
}

function mark({ dev }) {
  return `${lockDigest()} ${dev ? 'everything' : 'to run'}`
}

/** Installs where something is missing or older than package-lock.json. Ends the process where that fails. */
export async function ensureInstalled({ dev = true } = {}) {
  if (isInstalled({ dev })) return
  const started = performance.now()
  // npm takes a package of the right version for whole, also where it was killed while it unpacked it.
  if (existsSync(unfinished)) rmSync(modules, { recursive: true, force: true })
  mkdirSync(modules, { recursive: true })
  writeFileSync(unfinished, '')
  say('Installing what package-lock.json names (once) ')
  const dots = setInterval(() => say('.'), 1000)
  // Not `npm ci`: it refuses a lockfile without the packages of systems that the registry at hand does not serve.
  const { code, output } = await npm([
    'install',
    '--no-save',
    '--prefer-offline',
    '--ignore-scripts',
    dev ? '--include=dev' : '--omit=dev',
    '--include=optional',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ])
  clearInterval(dots)
  if (code !== 0) {
    say(`\n${output}\nnpm install failed. Mend what it says above, then run the same command again.\n`)
    process.exit(1)
  }
  writeFileSync(stamp, mark({ dev }))
  rmSync(unfinished, { force: true })
  say(` ${((performance.now() - started) / 1000).toFixed(1)} s\n`)
}

/** Progress goes to stderr: stdout belongs to what was asked for. */
function say(text) {
  process.stderr.write(text)
}

function npm(args) {
  // Under `npm start` the very npm that runs us is known; it may be on no PATH.
  const own = process.env.npm_execpath
  const [command, first] = own?.endsWith('.js') ? [process.execPath, [own]] : ['npm', []]
  return new Promise((resolve) => {
    const child = spawn(command, [...first, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    child.on('error', (error) => resolve({ code: 1, output: `npm can't be started: ${error.message}` }))
    child.on('close', (code) => resolve({ code, output }))
  })
}

/** The Node 24 that npm brought, else this one where it is new enough. Ends the process where there is neither. */
export function findNode() {
  const brought = join(modules, '.bin', 'node')
  if (existsSync(brought) && spawnSync(brought, ['--version'], { stdio: 'ignore' }).status === 0)
    return brought
  if (isNewEnough()) return process.execPath
  say(
    `Towpath needs Node ${OLDEST.join('.')} or newer, this is ${process.versions.node}, and npm has no Node for ` +
      `${process.platform}-${process.arch}. Install Node 24, then run the same command again.\n`,
  )
  process.exit(1)
}

export function isNewEnough([major, minor] = OLDEST) {
  const [ownMajor = 0, ownMinor = 0] = process.versions.node.split('.').map(Number)
  return ownMajor > major || (ownMajor === major && ownMinor >= minor)
}

/**
 * What a child finds first: the Node and the tools that npm brought. TypeScript is stripped and compiled once, not at
 * every start.
 */
export function environment() {
  return {
    NODE_COMPILE_CACHE: join(modules, '.cache', 'compiled'),
    ...process.env,
    PATH: `${join(modules, '.bin')}${delimiter}${process.env.PATH ?? ''}`,
  }
}

/** Runs a program in the foreground and ends as it ended. */
export function become(command, args, options = {}) {
  const child = spawn(command, args, { stdio: 'inherit', env: environment(), ...options })
  // Ctrl-C reaches the child by itself, which then ends in its own order; a signal to us alone is passed on.
  process.on('SIGINT', () => {})
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    say(`${command} can't be started: ${error.message}\n`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => {
    const numbers = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }
    process.exit(code ?? 128 + (numbers[signal] ?? 0))
  })
}
