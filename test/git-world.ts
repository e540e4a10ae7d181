/** For tests: the door over real deliveries and builds, and Git as a person uses it. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Permission } from '../src/api/operation.ts'
import type { Rollout } from '../src/api/rollouts.ts'
import { createGit } from '../src/platform/features/git/index.ts'
import { serveForTest, type TestServer, TOKEN } from './serve.ts'
import { type Fixture, openFixture } from './ships-fixture.ts'

export interface Pushed {
  exit: number
  /** What Git said, its `remote:` marks taken away. */
  text: string
}

export interface World {
  fixture: Fixture
  server: TestServer
  /** How rollouts end, by app; `hold` leaves them on their way. Default: live. */
  rollouts: Record<string, Rollout['phase'] | 'hold'>
  faults: unknown[]
  /** Branches of whose end it was told. */
  gone: string[]
  /** Of the repository `shop`. */
  url: string
  /** The working copy, a repository with the remote `tow`. */
  folder: string
  git(...parameters: string[]): Promise<Pushed>
  /** Writes files and commits them. */
  commit(files: Record<string, string | null>, subject?: string): Promise<void>
  push(...parameters: string[]): Promise<Pushed>
  /** A push that goes on; resolve `until` when it has said something. */
  startPush(...parameters: string[]): {
    child: ChildProcess
    until(words: string): Promise<void>
    ended: Promise<Pushed>
  }
  /** Apps of the releases, in order. */
  released(): Promise<string[]>
  /** What main is on the platform. */
  main(): Promise<string>
  close(): Promise<void>
}

const ENVIRONMENT = {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_AUTHOR_NAME: 'ada',
  GIT_AUTHOR_EMAIL: 'ada@example.com',
  GIT_COMMITTER_NAME: 'ada',
  GIT_COMMITTER_EMAIL: 'ada@example.com',
  LC_ALL: 'C',
}

/** Two apps that build and run. */
export const TOW = `version: 1
apps:
  api: { path: api, processes: { web: { command: serve } } }
  web: { path: web, processes: { web: { command: serve } } }
`
export const TWO = { 'tow.yaml': TOW, 'api/main': 'api 1', 'web/main': 'web 1', 'README.md': 'hello' }

export async function openWorld(permissions?: readonly Permission[]): Promise<World> {
  const fixture = await openFixture()
  const folder = await mkdtemp(join(tmpdir(), 'tow-push-'))
  const faults: unknown[] = []
  const gone: string[] = []
  let isOpen = true
  const { content, ships } = fixture.platform
  const feature = createGit({
    database: fixture.database.database,
    folder: join(fixture.home, 'git'),
    content,
    ships,
    environment: async () => 'stage',
    mayShip: async () => {},
    branchGone: async (_actor, _repository, branch) => void gone.push(branch),
    async serving(app) {
      const mine = (await fixture.releases()).filter((row) => row.app === app)
      const isOver = mine.every(({ phase }) => ['live', 'failed', 'aborted', 'superseded'].includes(phase))
      return isOver ? (mine.filter(({ phase }) => phase === 'live').at(-1)?.artifact ?? null) : null
    },
    onError: (error) => void faults.push(error),
  })
  await feature.start?.()
  const server = await serveForTest({
    database: fixture.database.database,
    routes: feature.routes,
    pages: [feature.page!],
    ...(permissions && { permissions }),
  })

  const world: World = {
    fixture,
    server,
    rollouts: {},
    faults,
    gone,
    url: `${server.url}/git/shop.git`,
    folder,
    git: (...parameters) => runGit(folder, parameters),
    async commit(files, subject = 'Change it') {
      for (const [path, text] of Object.entries(files)) {
        const file = join(folder, path)
        if (text === null) await rm(file, { recursive: true })
        else {
          await mkdir(dirname(file), { recursive: true })
          await writeFile(file, text)
        }
      }
      await must(world.git('add', '-A'))
      await must(world.git('commit', '-qm', subject, '--allow-empty'))
    },
    push: (...parameters) => runGit(folder, ['push', ...parameters]),
    startPush(...parameters) {
      const child = spawn('git', ['-C', folder, 'push', ...parameters], {
        env: { ...process.env, ...ENVIRONMENT },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      })
      let text = ''
      const waiting = new Set<() => void>()
      for (const stream of [child.stdout, child.stderr]) {
        stream!.on('data', (chunk) => {
          text += chunk
          for (const look of waiting) look()
        })
      }
      const ended = new Promise<Pushed>((resolve) => {
        child.once('close', (code) => resolve({ exit: code ?? 130, text: plain(text) }))
      })
      return {
        child,
        ended,
        until: (words) =>
          new Promise((resolve, reject) => {
            const look = () => {
              if (!plain(text).includes(words)) return
              waiting.delete(look)
              resolve()
            }
            waiting.add(look)
            look()
            void ended.then(() => reject(new Error(`the push ended without saying ${words}: ${text}`)))
          }),
      }
    },
    released: async () => (await fixture.releases()).map(({ app }) => app),
    async main() {
      const { text } = await runGit(join(fixture.home, 'git', 'shop.git'), [
        'rev-parse',
        '--verify',
        '-q',
        'main',
      ])
      return text.trim()
    },
    async close() {
      isOpen = false
      unlisten()
      await server.close()
      await feature.stop?.()
      await fixture.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
  const move = async () => {
    for (const { app, phase } of await fixture.releases()) {
      const wanted = world.rollouts[app] ?? 'live'
      if (phase === 'starting' && wanted !== 'hold') {
        await fixture.roll(app, wanted, wanted === 'failed' ? `${app} never became healthy` : wanted)
      }
    }
  }
  const unlisten = fixture.database.database.listen(
    'rollouts',
    () => void move().catch((error) => isOpen && faults.push(error)),
  )
  await must(world.git('init', '-q', '-b', 'main'))
  await must(world.git('remote', 'add', 'tow', world.url))
  await must(world.git('config', 'credential.helper', `!echo username=ada; echo password=${TOKEN}; #`))
  return world
}

export function runGit(folder: string, parameters: string[]): Promise<Pushed> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...ENVIRONMENT }, maxBuffer: 64 * 1024 ** 2 }
    execFile('git', ['-C', folder, ...parameters], options, (error, stdout, stderr) => {
      const exit = error ? (typeof error.code === 'number' ? error.code : 1) : 0
      resolve({ exit, text: plain(stdout + stderr) })
    })
  })
}

export async function must(ran: Promise<Pushed>): Promise<string> {
  const { exit, text } = await ran
  if (exit !== 0) throw new Error(text)
  return text
}

const plain = (text: string) => text.replace(/^remote: ?/gm, '').replace(/[ \t]+$/gm, '')
