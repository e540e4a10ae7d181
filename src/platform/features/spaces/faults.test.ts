/** Whatever is lost on the way, and whenever the platform ends: spaces come to what was asked for, and nothing is left. */
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Fault } from '../../../../test/model-engine.ts'
import { createRandom } from '../../../../test/random.ts'
import { SEED } from '../../../../test/seed.ts'
import { openWholePlatform, type WholePlatform } from '../../../../test/whole-platform.ts'
import { setOf } from './rules.ts'
import type { SpaceAppRow } from './store.ts'

const SCHEDULES = 12
const STEPS = 14
const SPACES = ['one', 'two', 'three']
let platform: WholePlatform

beforeAll(async () => {
  platform = await openWholePlatform()
}, 60_000)
afterAll(() => platform?.close())

const source = (text: string) => ({
  'tow.yaml':
    'version: 1\napps:\n  a: { path: a, processes: { web: { command: serve } } }\n  b: { path: b, processes: { web: { command: serve } } }\n',
  'a/main': text,
  'b/main': text,
})
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))
const rows = async () =>
  (await sql<SpaceAppRow>`select * from space_apps order by space, app`.execute(platform.database.db)).rows

/** What does not agree between what was asked for and what the engine has; empty where all does. */
async function disagreements(): Promise<string[]> {
  const asked = new Map((await rows()).map((row) => [`${row.app}/stage/${row.space}`, row]))
  const found: string[] = []
  for (const app of ['a', 'b']) {
    for (const space of SPACES) {
      const row = asked.get(`${app}/stage/${space}`)
      const { sets, generation } = platform.engine.world.observe({ app, environment: 'stage', space })
      const running = sets.flatMap(({ id, processes }) =>
        processes.filter(({ state }) => state === 'healthy' || state === 'starting').map(() => id),
      )
      const wanted = row?.wanted === 'running' ? [setOf(row)] : []
      if (running.join() !== wanted.join()) found.push(`${app} in ${space} runs ${running}, not ${wanted}`)
      if (row?.wanted === 'removing') found.push(`${app} in ${space} is still being removed`)
      if (row && row.seen < row.generation)
        found.push(`${app} in ${space} is at ${generation}, not ${row.generation}`)
      if (row?.wanted === 'running' && row.report.phase !== 'live')
        found.push(`${app} in ${space} is ${row.report.phase}`)
    }
  }
  const removing = await sql<{ name: string }>`select name from spaces where removing`.execute(
    platform.database.db,
  )
  return [...found, ...removing.rows.map(({ name }) => `${name} is still being removed`)]
}

test.each(Array.from({ length: SCHEDULES }, (_, index) => SEED + index))(
  'seed %i',
  async (seed) => {
    const random = createRandom(seed)
    let isFaulty = true
    platform.engine.fault(
      (): Fault =>
        isFaulty && random.chance(0.3) ? random.pick(['lost-request', 'lost-answer'] as const) : null,
    )
    for (let step = 0; step < STEPS; step += 1) {
      const space = random.pick(SPACES)
      const { client } = platform
      // What can't be done now is refused, and that is fine here.
      const act = random.weighted<() => Promise<unknown>>([
        [
          5,
          async () =>
            client.ships.start({
              ...{
                tree: await platform.tree(source(`${seed} ${step}`)),
                folderName: 'shop',
                space: { name: space },
              },
              apps: random.pick([['a'], ['b'], ['a', 'b']]),
            }),
        ],
        [1, () => client.spaces.stop({ space })],
        [1, () => client.spaces.start({ space })],
        [2, () => client.spaces.remove({ space })],
        [1, () => client.spaces.remove({ space, apps: ['a'] })],
        [
          1,
          () =>
            client.config.set({
              app: 'a',
              environment: 'stage',
              set: { STEP: { value: `${seed} ${step}` } },
            }),
        ],
        [1, () => client.spaces.swap({ space, app: 'b', seconds: 60 })],
        [1, async () => platform.engine.advance(40 * 60_000)],
        [1, async () => platform.engine.world.restart({ empty: true })],
      ])
      await act().catch((error) => expect(['NOT_FOUND', 'CONFLICT', 'REFUSED']).toContain(error.code))
      await pause(random.below(30))
      if (random.chance(0.15)) await platform.restart()
    }
    isFaulty = false
    // Whoever was shipped to is over first: a delivery brings apps by itself.
    let left: string[] = ['not looked yet']
    for (const end = Date.now() + 120_000; left.length > 0 && Date.now() < end; ) {
      const running = await sql`select id from ships where state = 'running'`.execute(platform.database.db)
      left =
        running.rows.length > 0 ? [`${running.rows.length} deliveries are under way`] : await disagreements()
      await pause(20)
    }
    expect(left).toEqual([])
  },
  180_000,
)

test('and when every space is removed, nothing of any is left', async () => {
  for (const { name } of await platform.client.spaces.list({}))
    await platform.client.spaces.remove({ space: name })
  for (const end = Date.now() + 120_000; (await rows()).length > 0 && Date.now() < end; ) await pause(20)
  expect(await platform.client.spaces.list({})).toEqual([])
  expect(await disagreements()).toEqual([])
  const secrets = await sql<{ key: string }>`select key from sealed where key like 'space:%'`.execute(
    platform.database.db,
  )
  expect(secrets.rows).toEqual([])
})
