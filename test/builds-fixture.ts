/** For tests: a builder of shell scripts, and the feature over a database and a folder. Also run as a process to be killed. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { cp, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TowError } from '../src/api/errors.ts'
import type { Builder, BuildReport } from '../src/builders/builder.ts'
import { endLeftover } from '../src/builders/leftover.ts'
import { type BuildsOptions, createBuilds } from '../src/platform/features/builds/index.ts'
import type { DigestLayer } from '../src/platform/features/builds/layers.ts'
import { createContent } from '../src/platform/features/content/index.ts'
import { type Database, openDatabase } from '../src/platform/kernel/database.ts'
import { createBlobStore } from '../src/trees/blob-store.ts'

export interface BuildFixtureOptions
  extends Partial<
    Pick<BuildsOptions, 'timeLimit' | 'concurrency' | 'keepBuilds' | 'secrets' | 'artifactsInUse'>
  > {
  database: Database
  home: string
  onError: (error: unknown) => void
  digestLayer?: DigestLayer
}

/** Content and builds as the platform puts them together. */
export function createBuildFixture({ database, home, onError, ...options }: BuildFixtureOptions) {
  const clock = { now: () => new Date() }
  const content = createContent({
    database,
    blobs: createBlobStore(join(home, 'blobs')),
    clock,
    onError,
    roots: () => builds.roots(),
    graceMilliseconds: 0,
  })
  const builds: ReturnType<typeof createBuilds> = createBuilds({
    database,
    content,
    clock,
    builders: [createShellBuilder()],
    folder: join(home, 'builds'),
    digestLayer: async (tree) => ({ diffId: `sha256:${tree.hash}`, digest: `sha256:${tree.hash}`, size: 1 }),
    artifactsInUse: async () => [],
    secrets: async () => ({ environment: 'stage', values: {} }),
    endProcess: (started) => endLeftover(started, startTimeOf),
    onError,
    concurrency: 2,
    ...options,
  })
  return { content, builds }
}

export function startTimeOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!
  } catch {
    return ''
  }
}

/** Real processes without a toolchain: runs the app's `build.sh` where there is one; `lock` stands for a lockfile. */
function createShellBuilder(): Builder {
  return {
    name: 'source',
    async plan({ context, path }) {
      const app = join(context, path)
      if (!existsSync(join(app, 'app'))) return null
      const lock = await readFile(join(app, 'lock'), 'utf8').catch(() => null)
      return {
        language: 'shell',
        because: 'found app',
        key: 'shell 1',
        dependencyKey: lock && createHash('sha256').update(lock).digest('hex'),
        parts: { tools: { shell: '1' }, dependencies: lock === null ? {} : { lock } },
        runtime: { name: 'none', version: '1', range: '*' },
        folder: '.',
        processes: { web: 'sh app' },
      }
    },
    async build(plan, { context, path }, _declaration, workspace, report, signal) {
      const app = join(workspace.folder, 'app')
      await cp(join(context, path), app, { recursive: true })
      let dependencies = workspace.dependencies
      if (plan.dependencyKey !== null && dependencies)
        report.step('install', { reused: 'the lockfile has not changed' })
      else if (plan.dependencyKey !== null) {
        report.step('install', { because: workspace.installs })
        dependencies = join(workspace.folder, 'dependencies')
        await mkdir(join(dependencies, 'packages'), { recursive: true })
        await cp(join(app, 'lock'), join(dependencies, 'packages', 'installed'))
      }
      if (existsSync(join(app, 'build.sh'))) await run('sh build.sh', app, workspace.secrets, report, signal)
      return {
        dependencies,
        app,
        env: {},
        platform: 'any',
        runtime: plan.runtime,
        sbom: JSON.stringify({ bomFormat: 'CycloneDX', components: [] }),
      }
    },
  }
}

async function run(
  command: string,
  cwd: string,
  env: Record<string, string>,
  report: BuildReport,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted()
  report.step(command)
  const child = spawn('/bin/sh', ['-c', command], {
    cwd,
    detached: true,
    env: { PATH: process.env.PATH!, ...env },
  })
  report.started({ pid: child.pid!, startTime: startTimeOf(child.pid!) })
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => report.output(text))
  }
  const stop = () => process.kill(-child.pid!, 'SIGKILL')
  signal.addEventListener('abort', stop)
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  signal.removeEventListener('abort', stop)
  if (code !== 0)
    throw new TowError('FAILED', `${command} failed with exit code ${code}`, { hint: 'look at it' })
}

/** `node builds-fixture.ts <connection> <home>`: works until it is killed. */
if (import.meta.main) {
  const [connection, home] = process.argv.slice(2)
  const database = openDatabase({ connection: JSON.parse(connection!) })
  const { builds } = createBuildFixture({ database, home: home!, onError: console.error })
  await builds.start?.()
}
