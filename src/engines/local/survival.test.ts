import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LogQuery } from '../../api/logs.ts'
import { createSampleContent, sampleArtifact, sampleSet, webProcess, wholly } from '../conformance/sample.ts'
import type { Desired, Engine, Observation } from '../engine.ts'
import { shutDownRunner } from './engine.ts'
import { createTestEngine, type TestEngine } from './testing.ts'

const target = { app: 'survivor', environment: 'stage' }
let folder: string
let content: ReturnType<typeof createSampleContent>
let tested: TestEngine
let engine: Engine

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tow-survival-'))
  content = createSampleContent(join(folder, 'blobs'))
  tested = createTestEngine(content)
  engine = tested.engine
})
afterEach(async () => {
  await tested.dispose()
  rmSync(folder, { recursive: true, force: true })
})

async function until(reached: (seen: Observation) => boolean): Promise<Observation> {
  let last: Observation | undefined
  for await (const seen of engine.watch(target, AbortSignal.timeout(20_000))) {
    last = seen
    if (reached(seen)) return seen
  }
  throw new Error(`never seen: ${JSON.stringify(last)}`)
}

async function settle(generation: number, desired: Desired): Promise<Observation> {
  await engine.apply(target, generation, desired)
  return until((seen) => seen.generation === generation && seen.settled)
}

function pids(): { shim: number; app: number }[] {
  const processes = `${tested.home}/state/processes`
  return readdirSync(processes)
    .map((id) => `${processes}/${id}/state.json`)
    .filter((path) => existsSync(path))
    .map((path) => JSON.parse(readFileSync(path, 'utf8')))
    .map(({ shim, app }) => ({ shim: shim.pid, app: app.pid }))
}

async function killRunner(): Promise<void> {
  const { pid } = JSON.parse(readFileSync(`${tested.home}/run/runner.lock`, 'utf8')) as { pid: number }
  await kill(pid)
}

async function kill(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL')
  while (isThere(pid)) await new Promise((resolve) => setTimeout(resolve, 5))
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

async function texts(query: Partial<LogQuery>): Promise<string[]> {
  const found: string[] = []
  const parsed = LogQuery.parse({ lines: 100_000, ...query })
  for await (const line of engine.logs(target, parsed, AbortSignal.timeout(10_000))) found.push(line.text)
  return found
}

const counting = `node -e "let i = 0; setInterval(() => { for (let k = 0; k < 20; k++) console.log('line ' + i++) }, 5)"`

test('a killed runner comes back by itself, with the same processes, the same addresses and every log line', async () => {
  const artifact = await sampleArtifact(content)
  const processes = { web: webProcess(), talker: webProcess({ command: counting }) }
  const before = await settle(1, wholly(sampleSet(artifact, 1, { processes })))
  const url = before.addresses.public.at(-1)!
  const { pid } = (await (await fetch(url)).json()) as { pid: number }
  const followed: string[] = []
  const stop = new AbortController()
  const following = (async () => {
    const query = LogQuery.parse({ process: 'talker', follow: true, lines: 100_000 })
    for await (const line of engine.logs(target, query, stop.signal)) followed.push(line.text)
  })()
  for (let round = 0; round < 2; round++) {
    await killRunner()
    expect(pids().every(({ shim, app }) => isThere(shim) && isThere(app))).toBe(true)
    const after = await until((seen) => seen.settled)
    expect(after.sets.flatMap((set) => set.processes.map((one) => [one.id, one.restarts]))).toEqual(
      before.sets.flatMap((set) => set.processes.map((one) => [one.id, 0])),
    )
    expect(after.addresses).toEqual(before.addresses)
    expect(await (await fetch(url)).json()).toMatchObject({ pid })
  }
  const enough = followed.length + 200
  while (followed.length < enough) await new Promise((resolve) => setTimeout(resolve, 10))
  stop.abort()
  await following
  expect(followed).toEqual(followed.map((_, index) => `line ${index}`))
})

test('what ended while no runner was there is told with its real exit, and started anew', async () => {
  const artifact = await sampleArtifact(content)
  await settle(1, wholly(sampleSet(artifact, 1)))
  const { public: addresses } = await engine.addresses(target)
  const { PORT } = (await (await fetch(`${addresses.at(-1)}/env`)).json()) as { PORT: string }
  await engine.close()
  await killRunner()
  const { app } = pids()[0]!
  await fetch(`http://127.0.0.1:${PORT}/log?text=last+words`)
  await fetch(`http://127.0.0.1:${PORT}/exit?code=9`)
  while (isThere(app)) await new Promise((resolve) => setTimeout(resolve, 5))
  engine = await tested.reopen()
  const seen = await until((now) => now.settled)
  expect(seen.sets[0]!.processes[0]).toMatchObject({
    restarts: 1,
    lastExit: { code: 9, reason: 'exited with code 9' },
  })
  expect(await texts({ process: 'web' })).toEqual(
    expect.arrayContaining(['last words', 'web.1 exited with code 9']),
  )
})

test('an app whose shim was killed is ended as a whole and started anew, and that is said', async () => {
  const artifact = await sampleArtifact(content)
  await settle(1, wholly(sampleSet(artifact, 1)))
  const { shim, app } = pids()[0]!
  await kill(shim)
  const seen = await until((now) => now.settled && now.sets[0]!.processes[0]!.restarts === 1)
  expect(seen.sets[0]!.processes[0]!.lastExit!.reason).toContain('was killed, so it was ended too')
  expect(isThere(app)).toBe(false)
})

test('after a reboot the runner brings everything back without the platform', async () => {
  const artifact = await sampleArtifact(content)
  const config = { TOKEN: 'sealed-value' }
  await settle(3, wholly(sampleSet(artifact, 1, { config })))
  await engine.close()
  await killRunner()
  for (const { shim, app } of pids()) {
    await kill(shim)
    await kill(app)
  }
  expect(readFileSync(`${tested.home}/state/targets/stage.survivor.json`, 'utf8')).not.toContain(
    'sealed-value',
  )
  rmSync(join(folder, 'blobs'), { recursive: true })
  engine = await tested.reopen()
  const seen = await until((now) => now.settled && now.sets.length > 0)
  expect(seen.generation).toBe(3)
  const env = await (await fetch(`${seen.addresses.public.at(-1)}/env`)).json()
  expect(env).toMatchObject({ TOKEN: 'sealed-value', TOW_RELEASE: 'v1' })
})

test('a job that nobody can tell the end of is unknown, and is never started again', async () => {
  const set = sampleSet(await sampleArtifact(content), 1)
  const job = { key: 'migrate', set, command: 'node app.js work', process: 'release' }
  expect(await engine.run(target, job)).toMatchObject({ state: 'running' })
  while (!(await texts({ process: 'release' })).includes('working')) {}
  await engine.close()
  await killRunner()
  for (const { shim, app } of pids()) {
    await kill(shim)
    await kill(app)
  }
  engine = await tested.reopen()
  expect(await engine.run(target, job)).toMatchObject({ state: 'unknown' })
  expect(await texts({ process: 'release' })).toEqual(['working'])
})

test('a job goes on over the death of the runner and is told with its exit', async () => {
  const set = sampleSet(await sampleArtifact(content), 1)
  const job = { key: 'long', set, command: 'node app.js echo', process: 'run', stdin: true }
  await engine.run(target, job)
  await killRunner()
  const attached = await engine.attach(target, 'long')
  attached.end()
  for await (const _ of attached.output);
  expect(await attached.done).toMatchObject({ state: 'failed', exit: 7 })
})

test('ending everything ends what a killed runner left, too', async () => {
  const artifact = await sampleArtifact(content)
  await settle(1, wholly(sampleSet(artifact, 1)))
  await engine.close()
  await killRunner()
  const left = pids()
  expect(left).toHaveLength(1)
  await shutDownRunner(tested.home, { apps: true })
  expect(left.some(({ shim, app }) => isThere(shim) || isThere(app))).toBe(false)
  engine = await tested.reopen()
  await until((now) => now.settled && now.sets.length > 0)
})

test('ending everything while a runner is being started leaves neither it nor apps', async () => {
  const artifact = await sampleArtifact(content)
  await settle(1, wholly(sampleSet(artifact, 1)))
  await killRunner()
  const asked = engine.observe(target).catch(() => null)
  const starting = () => execFileSync('ps', ['-axwwo', 'args=']).toString().includes(`--home ${tested.home} `)
  while (!starting()) await new Promise((resolve) => setTimeout(resolve, 5))
  await engine.close()
  await shutDownRunner(tested.home, { apps: true })
  expect(starting()).toBe(false)
  expect(existsSync(`${tested.home}/run/runner.lock`)).toBe(false)
  expect(pids().some(({ shim, app }) => isThere(shim) || isThere(app))).toBe(false)
  await asked
  engine = await tested.reopen()
  await until((now) => now.settled && now.sets.length > 0)
})

/** The kernel takes a moment to give back what a killed process had. */
async function steal(port: number): Promise<Server> {
  for (;;) {
    const thief = createServer().listen(port, '127.0.0.1')
    if (await once(thief, 'listening').catch(() => null)) return thief
  }
}

test('a port that another program took is told, the others go on, and it is taken back when free', async () => {
  const artifact = await sampleArtifact(content)
  const before = await settle(1, wholly(sampleSet(artifact, 1)))
  const port = Number(new URL(before.addresses.public.at(-1)!).port)
  await engine.close()
  await killRunner()
  const thief = await steal(port)
  engine = await tested.reopen()
  const robbed = await until((seen) => (seen.problems ?? []).length > 0)
  expect(robbed.problems![0]).toMatchObject({
    code: 'port-taken',
    message: expect.stringContaining(String(port)),
  })
  expect(robbed.addresses.public).toEqual(before.addresses.public.slice(0, 1))
  thief.close()
  const healed = await until((seen) => seen.problems === undefined && seen.settled)
  expect(healed.addresses).toEqual(before.addresses)
})

test('an app whose port a stranger took is never held for healthy there, and comes up on another', async () => {
  const artifact = await sampleArtifact(content)
  const told = join(folder, 'port')
  // Slow the first time: it has not listened yet when somebody else does.
  const script =
    "const { existsSync, renameSync, writeFileSync } = require('fs'); const told = process.argv[1]; if (existsSync(told)) require('./app.js'); else { writeFileSync(told + '.part', process.env.PORT); renameSync(told + '.part', told); setInterval(() => {}, 1000) }"
  const slow = `node -e "${script}" ${told} serve`
  chmodSync(folder, 0o777)
  const web = webProcess({ command: slow })
  await engine.apply(target, 1, wholly(sampleSet(artifact, 1, { processes: { web } })))
  while (!existsSync(told)) await new Promise((resolve) => setTimeout(resolve, 10))
  const port = Number(readFileSync(told, 'utf8'))
  const stranger = createHttpServer((_, response) => response.end('not the app'))
  stranger.listen(port, '127.0.0.1')
  await once(stranger, 'listening')
  const seen = await until((now) => now.settled)
  const [process] = seen.sets[0]!.processes
  expect(process!.restarts).toBe(1)
  expect(await texts({ process: 'web' })).toContainEqual(expect.stringContaining(`port ${port}`))
  const answer = await fetch(`${seen.addresses.public.at(-1)!}/env`)
  expect(((await answer.json()) as { PORT: string }).PORT).not.toBe(String(port))
  await new Promise((resolve) => stranger.close(resolve))
})
