/** Whoever speaks to the cluster is killed at random points, and helm with it: what was acknowledged is never lost. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createRandom } from '../../../test/random.ts'
import { SEED } from '../../../test/seed.ts'
import { createSampleContent } from '../conformance/sample.ts'
import type { Observation } from '../engine.ts'
import { openTestCluster, type TestCluster, withoutCluster } from './testing.ts'

const SCHEDULES = Number(process.env.TOW_TEST_KILLS ?? 5)
const PROGRAM = fileURLToPath(new URL('fixtures/apply-one.ts', import.meta.url))

let folder: string
let cluster: TestCluster

beforeAll(async () => {
  if (withoutCluster !== null) return
  folder = await mkdtemp(join(tmpdir(), 'tow-kills-'))
  cluster = await openTestCluster()
})
afterAll(async () => {
  await cluster?.dispose()
  if (folder) await rm(folder, { recursive: true, force: true })
})
beforeEach(({ skip }) => skip(withoutCluster !== null, withoutCluster ?? ''))

test(`survives ${SCHEDULES} kills`, { timeout: 300_000 + SCHEDULES * 20_000 }, async () => {
  const random = createRandom(SEED)
  const target = { app: 'victim', environment: 'stage' }
  let acknowledged = 0
  let asked = 0
  let count = 0
  let longest = 0
  for (let schedule = 1; schedule <= SCHEDULES; schedule += 1) {
    asked += 1
    const begin = performance.now()
    const child = start(asked)
    const told = once(child.stdout!, 'data').then(
      () => true,
      () => false,
    )
    // The first is let through: there must be something that could be lost.
    const wait = schedule === 1 ? 60_000 : Math.floor(random.next() * longest)
    const isTold = await Promise.race([told, delay(wait).then(() => false)])
    // As long as an order takes here, half of the kills come before it is acknowledged.
    if (schedule === 1) longest = 2 * (performance.now() - begin)
    if (isTold) await delay(Math.floor((random.next() * longest) / 2))
    // The whole group: helm, where it runs, goes with it.
    process.kill(-child.pid!, 'SIGKILL')
    await once(child, 'close')
    if (isTold) acknowledged = asked
    count += isTold ? 1 : 0
  }
  const engine = cluster.engine(createSampleContent(join(folder, 'blobs')))
  process.stdout.write(`${count} of ${SCHEDULES} orders were acknowledged before the kill\n`)
  const before = await engine.observe(target)
  expect(acknowledged).toBeGreaterThanOrEqual(1)
  expect(before.generation).toBeGreaterThanOrEqual(acknowledged)
  let last: Observation | undefined
  for await (const seen of engine.watch(target, AbortSignal.timeout(120_000))) {
    last = seen
    if (seen.settled) break
  }
  expect(last).toMatchObject({ settled: true, generation: before.generation })
  expect(last?.sets.map((set) => set.id)).toEqual([`v${before.generation}`])
  const url = (await engine.addresses(target)).public[0] as string
  expect(await (await cluster.fetch(url)).json()).toMatchObject({ release: `v${before.generation}` })
  expect(await engine.drift(target)).toEqual([])
})

function start(generation: number): ChildProcess {
  const words = [PROGRAM, JSON.stringify(cluster.facts), join(folder, 'blobs'), 'victim', String(generation)]
  return spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'], detached: true })
}
