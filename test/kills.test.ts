/** A few schedules of real kills under load; `npm run bench -- kills` plays two hundred, and measures. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openKills } from './kills/kills.ts'
import { scheduleOf, VICTIMS } from './kills/schedule.ts'
import { seedFrom } from './random.ts'
import { SEED } from './seed.ts'

const seed = seedFrom(process.env.SEED, SEED)
let kills: Awaited<ReturnType<typeof openKills>>

// It finds whom to kill in /proc.
const isLinux = process.platform === 'linux'

beforeAll(async () => {
  if (isLinux) kills = await openKills()
}, 180_000)
afterAll(() => kills?.end(), 180_000)

// Each names its victim, so that none is left out; what happens meanwhile and when is the seed's.
test.skipIf(!isLinux).each(VICTIMS.map((victim, number) => [victim, seed + number] as const))(
  'nothing acknowledged is lost and everything converges after a kill of %s (SEED=%i)',
  async (victim, own) => {
    const schedule = scheduleOf(own)
    const kill = { ...schedule.kills[0]!, victim }
    const { killed, wrong, answered } = await kills.play({ ...schedule, kills: [kill] })
    expect(wrong, `killed ${killed.join(', ')}`).toEqual([])
    expect(answered).toBeGreaterThan(0)
  },
  240_000,
)
