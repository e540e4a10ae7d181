/** Files of the runner's own that were cut short or overwritten: what runs goes on, and what was asked for comes back. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createSampleContent, sampleArtifact, sampleSet, wholly } from '../conformance/sample.ts'
import type { Desired, Engine, Observation } from '../engine.ts'
import { createTestEngine, type TestEngine } from './testing.ts'

const target = { app: 'survivor', environment: 'stage' }
let folder: string
let content: ReturnType<typeof createSampleContent>
let tested: TestEngine
let engine: Engine
let desired: Desired
let before: Observation
let pid: number

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tow-damage-'))
  content = createSampleContent(join(folder, 'blobs'))
  tested = createTestEngine(content)
  engine = tested.engine
  desired = wholly(sampleSet(await sampleArtifact(content), 1))
  await engine.apply(target, 4, desired)
  before = await until((seen) => seen.settled && seen.generation === 4)
  pid = await servedBy(before)
})
afterEach(async () => {
  await tested.dispose()
  rmSync(folder, { recursive: true, force: true })
})

async function until(reached: (seen: Observation) => boolean): Promise<Observation> {
  let last: Observation | undefined
  for await (const seen of engine.watch(target, AbortSignal.timeout(25_000))) {
    last = seen
    if (reached(seen)) return seen
  }
  throw new Error(`never seen: ${JSON.stringify(last)}`)
}

async function servedBy(seen: Observation): Promise<number> {
  return ((await (await fetch(seen.addresses.public.at(-1)!)).json()) as { pid: number }).pid
}

function isThere(process: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${process}/stat`, 'utf8'))
  } catch {
    return false
  }
}

/** The runner is killed, the file spoiled, and a new runner started. */
async function spoil(file: string, text: string): Promise<void> {
  await engine.close()
  const { pid: runner } = JSON.parse(readFileSync(`${tested.home}/run/runner.lock`, 'utf8')) as {
    pid: number
  }
  process.kill(runner, 'SIGKILL')
  while (isThere(runner)) await new Promise((resolve) => setTimeout(resolve, 5))
  writeFileSync(file, text)
  engine = await tested.reopen()
}

test.each([
  ['empty', () => ''],
  ['cut short', (text: string) => text.slice(0, text.length >> 1)],
  ['sealed with another key', (text: string) => text.replace(/.{8}"\}$/, 'AAAAAAA="}')],
])('what is asked for, %s: its processes run on until it is told once more', async (_, damage) => {
  const file = `${tested.home}/state/targets/stage.survivor.json`
  await spoil(file, damage(readFileSync(file, 'utf8')))
  const untold = await until(() => true)
  expect(untold.settled).toBe(false)
  expect(untold.generation).toBeLessThan(4)
  const checks = await engine.check()
  expect(checks.find(({ message }) => message.includes('survivor'))).toMatchObject({
    ok: false,
    message: expect.stringContaining(`${file}.damaged`),
  })
  await engine.apply(target, 4, desired)
  const after = await until((seen) => seen.settled && seen.generation === 4)
  expect(await servedBy(after)).toBe(pid)
  expect(after.addresses).toEqual(before.addresses)
  expect((await engine.check()).filter(({ message }) => message.includes('survivor'))).toEqual([])
})

test('the table of ports: apps serve on, and the user of each stays its own', async () => {
  await spoil(`${tested.home}/state/tables.json`, '{"edge": 41')
  const after = await until((seen) => seen.settled && seen.generation === 4)
  expect(await servedBy(after)).toBe(pid)
  const tables = JSON.parse(readFileSync(`${tested.home}/state/tables.json`, 'utf8'))
  if (process.getuid?.() === 0) expect(tables.uids).toEqual({ survivor: 20_000 })
})

test('what is known of a process: it is ended, and its place is filled anew', async () => {
  const processes = `${tested.home}/state/processes`
  await spoil(`${processes}/${readdirSync(processes)[0]}/record.json`, '{"id":')
  const after = await until((seen) => seen.settled && seen.sets[0]?.processes[0]?.state === 'healthy')
  expect(await servedBy(after)).not.toBe(pid)
  expect(isThere(pid)).toBe(false)
})

test('what is known of a job: nobody knows what became of it, and it is never started again', async () => {
  const job = { key: 'migrate', set: desired.sets[0]!, command: 'node app.js work', process: 'release' }
  expect(await engine.run(target, job)).toMatchObject({ state: 'running' })
  const jobs = `${tested.home}/state/jobs/stage.survivor`
  await spoil(`${jobs}/${readdirSync(jobs)[0]}`, '')
  expect(await engine.run(target, job)).toMatchObject({
    state: 'unknown',
    reason: 'what was kept of it could not be read, so nobody knows what became of it',
  })
})
