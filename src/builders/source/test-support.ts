/** What the tests of this folder share: real source folders, real tools, and a look at what came out. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, onTestFinished, vi } from 'vitest'
import type { BuildDeclaration, BuildPlan, BuildResult } from '../builder.ts'
import { copyFolder, walk } from './files.ts'
import { createSourceBuilder, type SourceBuilderOptions } from './index.ts'

/** An empty folder, removed when the test is over. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tow-builders-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

let cache: Promise<string> | undefined

/** One for all tests of a file that do not care: what a registry has given once is not fetched again. */
export function sharedCache(): Promise<string> {
  cache ??= mkdtemp(join(tmpdir(), 'tow-builders-cache-'))
  return cache
}

afterAll(async () => {
  if (cache) await rm(await cache, { recursive: true, force: true })
})

// Real package managers on a busy machine: a limit for what hangs, not for what is slow.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 60_000 })

/** Writes files by path; a text that begins with `#!` becomes executable. */
export async function writeFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
    if (text.startsWith('#!')) await chmod(join(folder, path), 0o755)
  }
}

export interface Built {
  plan: BuildPlan
  result: BuildResult
  /** Everything that the tools wrote. */
  log: string
  steps: { name: string; reused?: string; because?: string }[]
  pids: number[]
  milliseconds: number
}

export interface BuildSetting {
  path?: string
  declaration?: Partial<BuildDeclaration>
  cache?: string
  dependencies?: string | null
  secrets?: Record<string, string>
  signal?: AbortSignal
  builder?: Partial<SourceBuilderOptions>
  onOutput?: (text: string) => void
}

export const declarationOf = (declaration: Partial<BuildDeclaration> = {}): BuildDeclaration => ({
  builder: 'auto',
  secrets: [],
  ...declaration,
})

/** The builder with the tools of the machine that the tests run on. */
export function realBuilder(options: Partial<SourceBuilderOptions> = {}) {
  return createSourceBuilder({
    toolPath: process.env.PATH ?? '',
    environment: process.env,
    home: homedir(),
    ...options,
  })
}

/** Plans and builds a folder for real. */
export async function buildFolder(context: string, setting: BuildSetting = {}): Promise<Built> {
  const builder = realBuilder(setting.builder)
  const declaration = declarationOf(setting.declaration)
  const source = { context, path: setting.path ?? '.' }
  const started = performance.now()
  const plan = await builder.plan(source, declaration)
  if (plan === null) throw new Error('no language was recognised')
  const built = { plan, log: '', steps: [] as Built['steps'], pids: [] as number[] }
  const result = await builder.build(
    plan,
    source,
    declaration,
    {
      folder: await temporaryFolder(),
      cache: setting.cache ?? (await sharedCache()),
      dependencies: setting.dependencies ?? null,
      installs: 'nothing was installed before',
      secrets: setting.secrets ?? {},
    },
    {
      step: (name, options) => built.steps.push({ name, ...options }),
      output: (text) => {
        built.log += text
        setting.onOutput?.(text)
      },
      started: ({ pid }) => built.pids.push(pid),
    },
    setting.signal ?? new AbortController().signal,
  )
  return { ...built, result, milliseconds: performance.now() - started }
}

/** Lays both layers over each other, as an engine does, in a folder of its own. */
export async function layOut({
  dependencies,
  app,
}: Pick<BuildResult, 'dependencies' | 'app'>): Promise<string> {
  const workspace = await temporaryFolder()
  if (dependencies !== null) await copyFolder(dependencies, workspace)
  await copyFolder(app, workspace)
  return workspace
}

/** What an engine puts into the environment of a process. */
export function environmentIn(
  workspace: string,
  env: Readonly<Record<string, string>>,
): Record<string, string> {
  const own = process.env.PATH ?? ''
  const filled = Object.entries(env).map(([key, value]) => [
    key,
    value.replaceAll('$WORKSPACE', workspace).replaceAll('$PATH', own),
  ])
  return { PATH: own, HOME: workspace, ...Object.fromEntries(filled) }
}

/** Every path with its mode and content, so that two trees can be compared. */
export async function treeOf(folder: string): Promise<Record<string, string>> {
  const entries: Record<string, string> = {}
  for (const { path, kind } of await walk(folder)) {
    if (kind === 'link') entries[path] = `-> ${await readlink(join(folder, path))}`
    if (kind !== 'file') continue
    const { mode } = await stat(join(folder, path))
    const digest = createHash('sha256')
      .update(await readFile(join(folder, path)))
      .digest('hex')
    entries[path] = `${mode & 0o111 ? '755' : '644'} ${digest}`
  }
  return entries
}

/** Starts the web process in a layout of its own, as an engine would, and asks it for a page. */
export async function answerOf(
  { plan, result }: Pick<Built, 'plan' | 'result'>,
  path = '/',
): Promise<string> {
  const workspace = await layOut(result)
  const command = plan.folder === '.' ? plan.processes.web! : `cd '${plan.folder}' && ${plan.processes.web}`
  const port = await freePort()
  const env = { ...environmentIn(workspace, result.env), PORT: String(port) }
  const child = spawn('sh', ['-c', command], { cwd: workspace, env, detached: true })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      said += data
    })
  }
  const ended = once(child, 'exit').then(([code]) =>
    Promise.reject(new Error(`${command} ended with ${code}: ${said}`)),
  )
  try {
    return await Promise.race([ended, pageOf(`http://127.0.0.1:${port}${path}`)])
  } finally {
    ended.catch(() => undefined)
    if (child.exitCode === null) process.kill(-child.pid!, 'SIGKILL')
  }
}

async function pageOf(url: string): Promise<string> {
  for (;;) {
    const response = await fetch(url).catch(() => null)
    if (response) return response.text()
    await delay(20)
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
