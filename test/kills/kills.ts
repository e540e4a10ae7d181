/**
 * Schedules of kills on a real platform under load: kill -9 of its processes at random points while people ship, set
 * config and scale, and apps are called without a break. `play` tells what became of one schedule.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ship } from '../../src/api/ships.ts'
import { type Expected, eventsAfter, expect, notThere, untoldRollouts, wrongEvents } from './checks.ts'
import { type Failed, startLoad } from './load.ts'
import { type Asked, createPeople } from './people.ts'
import { keepPlatform } from './platform.ts'
import { appProcesses, candidates } from './processes.ts'
import { type Schedule, WORKED } from './schedule.ts'

/** Nobody changes it: its processes must live through all that does not kill them. */
const STEADY = 'steady'
const APPS = [STEADY, ...WORKED]
const CLIENTS = 2
/** A build may not have begun yet. */
const FIND_VICTIM_MS = 3000
/** Far more than the bar: how long it takes is told, and a test doesn't judge by it. */
const CONVERGE_MS = 120_000

export interface Outcome {
  schedule: Schedule
  /** `platform`, `shim of left`, ...; those that there were to kill. */
  killed: string[]
  asked: Asked[]
  /** From the last kill, start of the platform or acknowledgement to everything being as asked. */
  convergedAfter: number
  answered: number
  failed: Failed[]
  /** True where no request may fail: router and apps were let live. */
  isServed: boolean
  /** What must hold and does not. */
  wrong: string[]
}

export async function openKills() {
  const folder = await mkdtemp(join(tmpdir(), 'tow-kw-'))
  const platform = await keepPlatform()
  const { client, home } = platform
  const people = createPeople(client, folder)
  const expected = new Map<string, Expected>()
  const urls: Record<string, string> = {}
  let position = 0

  async function prepare() {
    for (const app of APPS) {
      const { wish, answer, error } = await people.ask('ship', app)
      if (!answer?.ship) throw new Error(`${app} could not be shipped: ${error}`)
      await over(answer.ship)
      expected.set(app, { version: new Set([wish]), value: new Set([null]), count: new Set([1]) })
    }
    for (const app of await client.apps.list({})) {
      urls[app.name] = app.environments[0]!.urls.find((url) => new URL(url).hostname === '127.0.0.1')!
    }
    const [newest] = await client.events.list({ limit: 1 })
    position = newest?.position ?? 0
  }

  async function over(id: string): Promise<Ship> {
    for (;;) {
      const ship = await client.ships.get({ id })
      if (ship.state !== 'running') return ship
      await sleep(100)
    }
  }

  async function kill(
    { victim, choice }: Schedule['kills'][number],
    awayFor: number,
  ): Promise<string | null> {
    if (victim === 'platform') {
      platform.kill(awayFor)
      return victim
    }
    for (const until = Date.now() + FIND_VICTIM_MS; Date.now() < until; await sleep(20)) {
      const found = await candidates(home, victim)
      const one = found[Math.floor(choice * found.length)]
      if (!one) continue
      try {
        process.kill(one.pid, 'SIGKILL')
      } catch {
        continue
      }
      return one.app === undefined ? victim : `${victim} of ${one.app}`
    }
    return null
  }

  async function converge(asked: readonly Asked[]): Promise<string | null> {
    const until = Date.now() + CONVERGE_MS
    for (;;) {
      const reason = await whatLacks(asked).catch((error: Error) => error.message)
      if (!reason || Date.now() > until) return reason
      await sleep(100)
    }
  }

  async function whatLacks(asked: readonly Asked[]): Promise<string | null> {
    await platform.answers()
    const ships = new Map<string, Ship>()
    for (const { answer } of asked) {
      if (!answer?.ship) continue
      const ship = await client.ships.get({ id: answer.ship })
      if (ship.state === 'running') return `${ship.id} is still under way`
      ships.set(ship.id, ship)
    }
    for (const app of APPS) {
      const mine = asked.filter((one) => one.app === app)
      const wanted = expect(expected.get(app)!, mine, ships)
      const reason = await notThere(client, home, app, wanted, urls[app]!)
      if (reason) return reason
    }
    // From here on it counts what was seen.
    for (const app of APPS) {
      const mine = asked.filter((one) => one.app === app)
      expected.set(app, expect(expected.get(app)!, mine, ships))
    }
    return null
  }

  /** The machine may be too busy to answer at once; that nothing is there would be told by `notThere`. */
  async function steadyProcesses(): Promise<string> {
    for (let tries = 0; ; tries += 1) {
      const found = (await appProcesses(home)).filter(({ app }) => app === STEADY)
      if (found.length > 0 || tries === 100)
        return found
          .map(({ process }) => `${process.pid} ${process.start}`)
          .sort()
          .join()
      await sleep(50)
    }
  }

  async function play(schedule: Schedule): Promise<Outcome> {
    const wrong = platform.ended.splice(0)
    const steadyBefore = await steadyProcesses()
    const load = startLoad(urls, CLIENTS)
    const begin = Date.now()
    let lastKill = 0
    const killed: string[] = []
    const kills = schedule.kills.map(async (one) => {
      await sleep(one.at)
      const name = await kill(one, schedule.awayFor)
      lastKill = Date.now()
      if (name) killed.push(name)
    })
    const asked: Asked[] = []
    // One at a time per app and kind, so that what came last is known.
    const turns = new Map<string, Promise<void>>()
    const work = schedule.work.map(({ at, app, kind, count }) => {
      const name = `${app} ${kind}`
      const turn = (turns.get(name) ?? Promise.resolve()).then(async () => {
        await sleep(Math.max(0, begin + at - Date.now()))
        await platform.answers()
        asked.push(await people.ask(kind, app, count))
      })
      turns.set(name, turn)
      return turn
    })
    await Promise.all([...kills, ...work])
    const lastAnswer = Date.now()
    const lack = await converge(asked)
    const converged = Date.now()
    await load.stop()
    wrong.push(...platform.ended.splice(0))
    if (lack) wrong.push(`it does not converge: ${lack}`)

    const events = await eventsAfter(client, position)
    position = events.at(-1)?.position ?? position
    wrong.push(...wrongEvents(events, asked))
    for (const app of WORKED) wrong.push(...(await untoldRollouts(client, app, events)))
    if (!killed.includes(`shim of ${STEADY}`) && (await steadyProcesses()) !== steadyBefore)
      wrong.push(`${STEADY} was restarted: ${steadyBefore} became ${await steadyProcesses()}`)
    const isServed = !killed.some((one) => one === 'runner' || one.startsWith('shim'))
    if (isServed && load.failed.length > 0)
      wrong.push(`${load.failed.length} requests failed: ${load.failed[0]?.app}: ${load.failed[0]?.why}`)
    return {
      schedule,
      killed,
      asked,
      convergedAfter: Math.max(0, converged - Math.max(lastKill, lastAnswer, platform.startedAt())),
      answered: load.answered(),
      failed: load.failed,
      isServed,
      wrong,
    }
  }

  await prepare()
  return {
    play,
    home,
    async end() {
      await platform.end()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
