/** The simulator's schedules again, over the real store in a real PostgreSQL: same engine, same faults, same outcome. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seedFrom } from './random.ts'
import { SEED } from './seed.ts'
import { BROKEN } from './simulator/broken.ts'
import { createMemoryStage } from './simulator/memory.ts'
import { play } from './simulator/play.ts'
import { scheduleOf } from './simulator/schedule.ts'
import type { Kept } from './simulator/stage.ts'
import { openStoreStages, SECRET, type StoreStages } from './simulator/store.ts'

const SCHEDULES = 300
/** Shorter than those in memory: every look asks a database. */
const LONGEST = 14
const AT_ONCE = 4

const seed = seedFrom(process.env.SEED, SEED)
const isReplay = Boolean(process.env.SEED)
let stages: StoreStages

beforeAll(async () => {
  stages = await openStoreStages()
})
afterAll(() => stages.close())

/** What does not hang on the names that rollouts are given. */
function outcome({ target, rollouts, events, releases }: Kept) {
  const { generation, plan, live, overrides } = target
  const counts = Object.fromEntries(Object.entries(overrides).map(([name, { count }]) => [name, count]))
  return {
    target: { generation, plan, live, counts },
    rollouts: rollouts.map(({ release, history }) => [release, ...history.map(({ phase }) => phase)]),
    events: events.map(({ kind, release }) => `${kind} ${release ?? ''}`),
    releases: [...releases].sort(([one], [other]) => one - other),
  }
}

test('a schedule comes to the same end in a real database as in memory, and breaks nothing there', async () => {
  const begin = performance.now()
  const seeds = Array.from({ length: isReplay ? 1 : SCHEDULES }, (_, number) => seed + number)
  const broken: string[] = []
  const one = async () => {
    for (let next = seeds.shift(); next !== undefined; next = seeds.shift()) {
      const schedule = scheduleOf(next, LONGEST)
      const place = { app: `app-${next}`, environment: 'stage' }
      const real = await play(schedule, (now) => stages.stage(place, now))
      const model = await play(schedule, (now) => createMemoryStage(place, now))
      broken.push(...real.violations.map((what) => `SEED=${next} npm test -- test/simulator: ${what}`))
      expect(outcome(real.kept), `SEED=${next}`).toEqual(outcome(model.kept))
    }
  }
  const count = seeds.length
  await Promise.all(Array.from({ length: AT_ONCE }, one))
  const seconds = ((performance.now() - begin) / 1000).toFixed(1)
  console.log(`${count} schedules from seed ${seed} on PostgreSQL in ${seconds} s`)
  expect(broken).toEqual([])
  const rows = await stages.test.db.selectFrom('events').select(['message', 'facts']).execute()
  expect(JSON.stringify(rows)).not.toContain(SECRET)
}, 1_200_000)

test('a change that loses its event is noticed there too', async () => {
  for (let number = 0; number < 20; number += 1) {
    const place = { app: `broken-${number}`, environment: 'stage' }
    const schedule = scheduleOf(number, LONGEST)
    const { violations } = await play(
      schedule,
      (now) => stages.stage(place, now),
      BROKEN['loses the event']?.(),
    )
    if (violations.length > 0) return
  }
  expect.fail('nobody notices it in 20 schedules')
})
