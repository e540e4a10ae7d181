import { expect, test } from 'vitest'
import { seedFrom } from '../../../../test/random.ts'
import { SEED } from '../../../../test/seed.ts'
import { BROKEN } from '../../../../test/simulator/broken.ts'
import { playMany } from '../../../../test/simulator/many.ts'
import { explain, playInMemory } from '../../../../test/simulator/replay.ts'
import { type Action, scheduleOf } from '../../../../test/simulator/schedule.ts'

const SCHEDULES = 10_000
/** Each fault that is put in must be found within as many. */
const UNTIL_FOUND = 400

const ship = (changes: Partial<Extract<Action, { kind: 'ship' }>> = {}): Action => ({
  kind: 'ship',
  whenBusy: 'queue',
  outcome: 'healthy',
  job: 'succeeded',
  processes: { web: true, worker: true, releaseCommand: false },
  ...changes,
})
const look: Action = { kind: 'look', faults: [] }

/** What was found once, at its shortest. */
const FOUND: [sentence: string, web: number, actions: Action[]][] = [
  [
    'a scale by hand while the new release takes over brings neither old workers nor old traffic back',
    3,
    [ship(), look, { kind: 'advance', milliseconds: 228 }, look, look, { kind: 'scale', count: 8 }],
  ],
  [
    'a scale by hand is kept when the rollout that it waits for is given up before it began',
    4,
    [
      { kind: 'restart' },
      ship(),
      look,
      { kind: 'scale', count: 7 },
      ship({
        outcome: 'never',
        job: 'unknown',
        processes: { web: false, worker: true, releaseCommand: true },
      }),
      { kind: 'abort', back: 1 },
    ],
  ],
  [
    'a release that had traffic finishes its requests also where it is given up and the engine is slow to say so',
    2,
    [
      { kind: 'restart' },
      look,
      ship({ processes: { web: true, worker: false, releaseCommand: false } }),
      look,
      { kind: 'advance', milliseconds: 229 },
      look,
      { kind: 'scale', count: 3 },
      ship({ whenBusy: 'supersede', outcome: 'never' }),
      { kind: 'request', milliseconds: 313 },
      look,
      { kind: 'advance', milliseconds: 212 },
      { kind: 'look', faults: [[8, 'lost-answer']] },
      { kind: 'look', faults: [[1, 'stale']] },
    ],
  ],
  [
    'an old release that is gone already comes back before traffic does, also after a scale down by hand',
    3,
    [
      ship({ whenBusy: 'supersede', processes: { web: true, worker: false, releaseCommand: false } }),
      look,
      { kind: 'advance', milliseconds: 2118 },
      look,
      look,
      { kind: 'scale', count: 1 },
      { kind: 'abort', back: 0 },
    ],
  ],
  [
    'a scale by hand that comes while a slow platform writes down the end of a rollout is kept',
    5,
    [
      ship({ whenBusy: 'supersede', outcome: 'refused' }),
      look,
      { kind: 'look', faults: [[8, 'lost-answer']] },
      { kind: 'look', faults: [[3, 'pause-after']] },
      { kind: 'scale', count: 8 },
    ],
  ],
]

const seed = seedFrom(process.env.SEED, SEED)
const isReplay = Boolean(process.env.SEED)

test('whatever crashes, is late, comes twice or is lost, at whatever step: rollouts end and nothing is done that must not be', async () => {
  const begin = performance.now()
  const count = isReplay ? 1 : SCHEDULES
  const found = await playMany(seed, count)
  const seconds = ((performance.now() - begin) / 1000).toFixed(1)
  console.log(`${count} schedules from seed ${seed} in ${seconds} s`)
  expect(found[0] && (await explain(scheduleOf(found[0].seed)))).toBeUndefined()
}, 1_200_000)

test.each(FOUND)('%s', async (_, web, actions) => {
  expect(await playInMemory({ seed: 0, web, actions })).toMatchObject({ violations: [] })
})

test.each(Object.entries(BROKEN))(
  'it is noticed when the code %s',
  async (_, broken) => {
    for (let number = 0; number < UNTIL_FOUND; number += 1) {
      const { violations } = await playInMemory(scheduleOf(number), broken())
      if (violations.length > 0) return
    }
    expect.fail(`nobody notices it in ${UNTIL_FOUND} schedules`)
  },
  120_000,
)
