/**
 * A delivery as it happens. Whoever follows is told the whole state first and every change after that; what was told
 * is remembered in the position, so that a follower whose connection broke goes on without a gap or a repetition.
 */
import type { Build } from '../../../api/builds.ts'
import type { Ship, ShipUpdate } from '../../../api/ships.ts'
import type { Database } from '../../kernel/database.ts'
import type { BuildRow, Builds } from '../builds/index.ts'
import { refusals } from './messages.ts'
import type { ShipPorts } from './ports.ts'

/** By build: bytes of output, steps begun, and steps over. */
export type Position = Record<string, [bytes: number, begun: number, over: number]>

export interface FollowOptions {
  database: Database
  builds: Builds
  rollouts: Pick<ShipPorts['rollouts'], 'find'>
  /** NOT_FOUND where there is none. */
  view(id: string): Promise<Ship>
}

const TOPICS = ['ships', 'builds', 'rollouts', 'spaces', 'spaces-told']

export async function* followShip(
  options: FollowOptions,
  id: string,
  from: Position,
  signal: AbortSignal,
): AsyncGenerator<{ update: ShipUpdate; position: Position }> {
  const { database, builds } = options
  const position: Position = structuredClone(from)
  const told = new Map<string, string>()
  const bell = createBell(signal)
  const listening = new Map(TOPICS.map((topic) => [topic, database.listen(topic, bell.ring)]))
  const isNews = (key: string, value: unknown) => {
    const text = JSON.stringify(value)
    if (told.get(key) === text) return false
    told.set(key, text)
    return true
  }
  try {
    while (!signal.aborted) {
      bell.clear()
      const ship = await options.view(id)
      if (isNews('ship', ship)) yield { update: { type: 'ship', ship }, position }
      const rows = await builds.getAll(
        database.db,
        ship.apps.flatMap((app) => app.build ?? []),
      )
      for (const row of rows) {
        if (!listening.has(row.id)) listening.set(row.id, builds.onOutput(row.id, bell.ring))
        for await (const update of newsOf(builds, row, position)) yield { update, position }
      }
      const rollouts = await options.rollouts.find(
        database.db,
        ship.apps.flatMap((app) => app.rollout ?? []),
      )
      for (const { id: rollout, app, phase, message } of rollouts) {
        if (isNews(rollout, { phase, message }))
          yield { update: { type: 'rollout', app, phase, message }, position }
      }
      if (ship.state !== 'running') return
      await bell.rung()
    }
  } finally {
    for (const leave of listening.values()) leave()
    bell.close()
  }
}

/** Steps in their order, and the output that there is; moves the position on. */
async function* newsOf(
  builds: Builds,
  { id, app, steps }: BuildRow,
  position: Position,
): AsyncGenerator<ShipUpdate> {
  const at = position[id] ?? [0, 0, 0]
  position[id] = at
  const stepUpdate = (step: Build['steps'][number]): ShipUpdate => ({
    type: 'build-step',
    app,
    name: step.name,
    milliseconds: step.endedAt === null ? null : Date.parse(step.endedAt) - Date.parse(step.startedAt),
    reused: step.reused,
    because: step.because ?? null,
  })
  while (at[1] < steps.length || (at[2] < steps.length && steps[at[2]]!.endedAt !== null)) {
    const step = steps[at[2]]!
    if (at[1] === at[2]) {
      at[1] += 1
      if (step.endedAt === null) {
        yield stepUpdate(step)
        break
      }
    }
    if (step.endedAt === null) break
    at[2] += 1
    yield stepUpdate(step)
  }
  for (;;) {
    const { text, offset } = await builds.readOutput(id, at[0])
    if (text === '') return
    at[0] = offset
    yield { type: 'build-output', app, text }
  }
}

/** Remembers that somebody rang, so that nothing that happens while one looks is missed. */
function createBell(signal: AbortSignal) {
  let isRung = false
  let notify = () => {}
  const ring = () => {
    isRung = true
    notify()
  }
  signal.addEventListener('abort', ring)
  return {
    ring,
    clear() {
      isRung = false
    },
    async rung() {
      if (isRung || signal.aborted) return
      await new Promise<void>((resolve) => {
        notify = resolve
      })
    },
    close: () => signal.removeEventListener('abort', ring),
  }
}

export function writePosition(position: Position): string {
  return Object.entries(position)
    .map(([build, counts]) => [build, ...counts].join(':'))
    .join(',')
}

export function readPosition(text: string | undefined): Position {
  if (!text || text === 'start') return {}
  const position: Position = {}
  for (const part of text.split(',')) {
    const match = /^(b_[a-z0-9]{1,60}):(\d{1,12}):(\d{1,6}):(\d{1,6})$/.exec(part)
    if (!match) throw refusals.badPosition(text)
    position[match[1]!] = [Number(match[2]), Number(match[3]), Number(match[4])]
  }
  return position
}
