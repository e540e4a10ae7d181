/** What must hold after a schedule, read through the API and from the machine. Each answers with what does not hold. */
import { join } from 'node:path'
import type { Event } from '../../src/api/events.ts'
import type { Ship } from '../../src/api/ships.ts'
import type { Client } from '../../src/client/client.ts'
import { ask } from './load.ts'
import type { Asked } from './people.ts'
import { appProcesses, workingIn } from './processes.ts'

const ENVIRONMENT = 'stage'
const PAGE = 1000

/** What people may see in the end: every value that is not ruled out by an acknowledgement. */
export interface Expected {
  version: Set<number>
  value: Set<string | null>
  count: Set<number>
}

/** In the order in which they were asked; one thing at a time per app and kind. */
export function expect(
  before: Expected,
  asked: readonly Asked[],
  ships: ReadonlyMap<string, Ship>,
): Expected {
  const after: Expected = {
    version: new Set(before.version),
    value: new Set(before.value),
    count: new Set(before.count),
  }
  for (const one of asked) {
    const { kind, wish, answer } = one
    if (kind === 'ship') settle(after.version, wish, answer !== null, outcome(ships.get(answer?.ship ?? '')))
    if (kind === 'config') settle(after.value, String(wish), answer !== null, 'done')
    if (kind === 'scale') settle(after.count, wish, answer !== null, 'done')
  }
  return after
}

function settle<T>(values: Set<T>, wish: T, isKnown: boolean, how: 'done' | 'failed') {
  if (isKnown && how === 'done') values.clear()
  if (!isKnown || how === 'done') values.add(wish)
}

/** A delivery whose release was replaced by a newer one is in that: what is shipped stays shipped. */
function outcome(ship: Ship | undefined): 'done' | 'failed' {
  return ship?.apps.every(({ release }) => release !== null) ? 'done' : 'failed'
}

/** Null when the app is where it should be, and nothing moves any more. */
export async function notThere(
  client: Client,
  home: string,
  app: string,
  wanted: Expected,
  url: string,
): Promise<string | null> {
  const open = await client.rollouts.list({ app, environment: ENVIRONMENT, active: true })
  if (open[0]) return `${app}: v${open[0].release} is still ${open[0].phase}: ${open[0].message}`
  const { processes } = await client.processes.list({ app, environment: ENVIRONMENT })
  const healthy = processes.filter((one) => one.state === 'healthy')
  const seen = processes.map((one) => `v${one.release} ${one.state}`).join(', ')
  if (!wanted.count.has(healthy.length) || healthy.length !== processes.length)
    return `${app}: ${[...wanted.count].join(' or ')} should be healthy, there are ${seen}`
  const running = await workingIn(join(home, 'engine', 'sets', `${ENVIRONMENT}.${app}`))
  if (running.length !== processes.length)
    return `${app}: ${processes.length} processes are told, ${running.length} run`
  // One whose shim is gone still serves for a moment, and is about to be ended.
  const held = (await appProcesses(home)).filter((one) => one.app === app)
  if (held.length !== processes.length)
    return `${app}: ${processes.length} processes are told, ${held.length} have a shim`
  const { version, value } = await ask(url)
  if (!wanted.version.has(version))
    return `${app} serves version ${version}, it should be ${[...wanted.version].join(' or ')}`
  if (!wanted.value.has(value))
    return `${app} serves with ${value}, it should be ${[...wanted.value].join(' or ')}`
  return null
}

/** Oldest first, from after the position on. */
export async function eventsAfter(client: Client, position: number): Promise<Event[]> {
  const found: Event[] = []
  for (let before: number | undefined; ; ) {
    const page: Event[] = await client.events.list({ limit: PAGE, ...(before !== undefined && { before }) })
    found.push(...page.filter((event) => event.position > position))
    const oldest = page.at(-1)
    if (!oldest || oldest.position <= position || page.length < PAGE) return found.reverse()
    before = oldest.position
  }
}

/** Every acknowledged operation has its events, each once; one that nobody answered has them once or not at all. */
export function wrongEvents(events: readonly Event[], asked: readonly Asked[]): string[] {
  const wrong: string[] = []
  const count = (fits: (event: Event) => boolean) => events.filter(fits).length
  const check = (what: string, times: number, least: number, most: number) => {
    if (times < least || times > most) wrong.push(`${what} is ${times} times in the timeline`)
  }
  for (const { kind, label, app, answer } of asked) {
    if (kind === 'scale') {
      const times = count((one) => one.kind === 'process.scaled' && one.facts.reason === label)
      check(label, times, answer ? 1 : 0, 1)
    }
    if (kind === 'ship' && answer)
      check(
        label,
        count((one) => one.kind === 'ship.started' && one.facts.ship === answer.ship),
        1,
        1,
      )
    if (answer?.release != null)
      check(
        `the release of ${label}`,
        count((one) => one.kind === 'release.created' && one.app === app && one.release === answer.release),
        1,
        1,
      )
  }
  for (const app of new Set(asked.map((one) => one.app))) {
    const mine = asked.filter((one) => one.kind === 'config' && one.app === app)
    const known = mine.filter((one) => one.answer).length
    check(
      `a change of config of ${app}`,
      count((one) => one.kind === 'config.changed' && one.app === app),
      known,
      mine.length,
    )
  }
  const positions = events.map(({ position }) => position)
  if (new Set(positions).size !== positions.length) wrong.push('two events have one position')
  return wrong
}

/** Every rollout's history is in the timeline, each phase once and in order, and nothing else of it. */
export async function untoldRollouts(client: Client, app: string, events: readonly Event[]) {
  const wrong: string[] = []
  for (const { id, history } of await client.rollouts.list({ app, environment: ENVIRONMENT, limit: 500 })) {
    const told = events.filter((one) => one.facts.rollout === id && one.kind.startsWith('rollout.'))
    if (told.length === 0 && events[0] && Date.parse(history[0]!.at) < Date.parse(events[0].at)) continue
    const phases = told.map(({ kind }) => kind.slice('rollout.'.length))
    const lived = history.map(({ phase }) => phase).filter((phase) => phase !== 'queued')
    if (phases.join() !== lived.join())
      wrong.push(`${id} went ${lived.join()}, the timeline says ${phases.join()}`)
  }
  return wrong
}
