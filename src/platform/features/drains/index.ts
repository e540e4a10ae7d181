/**
 * Drains: the log lines of an environment, sent to an OTLP or syslog receiver. Read through the engine port, so that
 * they work on every engine; nothing is kept but how far each app's lines were taken, because the lines wait where
 * they are. What is secret of an address is sealed in the vault.
 */
import { randomBytes } from 'node:crypto'
import type { Engine } from '../../../engines/engine.ts'
import { PLATFORM } from '../../kernel/actor.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Change, Database, Queries, Within } from '../../kernel/database.ts'
import type { Feature } from '../../kernel/feature.ts'
import { type Loop, startLoop } from '../../kernel/loop.ts'
import type { Config } from '../config/index.ts'
import { type Address, readAddress } from './address.ts'
import { type Delivery, type Pauses, startDelivery } from './delivery.ts'
import { refusals } from './messages.ts'
import { openOtlp } from './otlp.ts'
import { drainRoutes } from './routes.ts'
import type { Send } from './send.ts'
import {
  type DrainRow,
  deleteDrain,
  findPosition,
  foldPosition,
  insertDrain,
  listDrains,
  listPositions,
  lockDrains,
  migrations,
  movePosition,
  setFailing,
} from './store.ts'
import { openSyslog } from './syslog.ts'

export { migrations as drainMigrations } from './store.ts'

export interface DrainsOptions {
  database: Database
  clock: Clock
  vault: Config['vault']
  /** NOT_FOUND where there is no such environment. */
  requireEnvironment: (db: Queries | Within, name: string) => Promise<unknown>
  /** What writes lines in an environment: its apps, and the copies that spaces have of them. */
  sourcesIn: (db: Queries | Within, environment: string) => Promise<Source[]>
  engines: (environment: string) => Promise<Engine>
  onError: (error: unknown) => void
  pauses?: Pauses
}

const TOPIC = 'drains'
/** How soon a new app's lines are sent. */
const LOOK_EVERY = 2000
const PAUSES: Pauses = { first: 500, longest: 60_000 }
/** A receiver that restarts is no event. */
const TOLD_AFTER = 60_000
const MOST = 10

export interface Source {
  app: string
  space?: string
}

type Wanted = {
  environment: string
  url: string
  headers: Record<string, string>
  plain: boolean
  authorities?: string | undefined
}
type Sealed = { address: Address; authorities?: string }

export function createDrains(options: DrainsOptions) {
  const { database, clock, vault } = options
  const deliveries = new Map<string, Delivery>()
  let loop: Loop | null = null
  let forget = () => {}
  const place = (row: Pick<DrainRow, 'id' | 'environment'>) => ({
    ...{ app: '', environment: row.environment, key: `drain:${row.id}`, version: 1 },
  })

  async function add(change: Change, wanted: Wanted, by: string): Promise<DrainRow> {
    const { environment, authorities } = wanted
    await options.requireEnvironment(change.db, environment)
    const address = readAddress(wanted.url, wanted.headers, wanted.plain)
    const others = await lockDrains(change.db, environment)
    if (others.some(({ url }) => url === address.shown)) throw refusals.exists(environment, address.shown)
    if (others.length >= MOST) throw refusals.tooMany(environment, MOST)
    const row: DrainRow = {
      id: `d_${randomBytes(4).toString('hex')}`,
      ...{ environment, kind: address.kind, url: address.shown },
      headers: address.kind === 'otlp' ? Object.keys(address.headers).sort() : [],
      ...{ created_at: clock.now(), created_by: by, failing_since: null },
    }
    await insertDrain(change.db, row)
    const sealed: Sealed = { address, ...(authorities === undefined ? {} : { authorities }) }
    await vault.keep(change.db, place(row), JSON.stringify(sealed))
    change.event({
      kind: 'drain.added',
      environment,
      message: `The log lines of ${environment} are sent to ${row.url}`,
      facts: { drain: row.id, url: row.url, headers: row.headers },
    })
    change.wake(TOPIC)
    return row
  }

  async function remove(change: Change, environment: string, id: string): Promise<DrainRow> {
    const row = (await lockDrains(change.db, environment)).find((one) => one.id === id)
    if (!row) throw refusals.unknown(environment, id)
    await deleteDrain(change.db, id)
    await vault.forget(change.db, { app: '', environment }, [place(row).key])
    change.event({
      kind: 'drain.removed',
      environment,
      message: `The log lines of ${environment} are no longer sent to ${row.url}`,
      facts: { drain: id, url: row.url },
    })
    change.wake(TOPIC)
    return row
  }

  async function open(row: DrainRow): Promise<Send> {
    const [text] = await vault.open(database.db, [place(row)])
    const { address, ...more } = JSON.parse(text!) as Sealed
    return address.kind === 'otlp' ? openOtlp({ ...address, ...more }) : openSyslog({ ...address, ...more })
  }

  function start(row: DrainRow, source: Source): Delivery {
    const app = nameOf(source)
    return startDelivery({
      target: { ...source, environment: row.environment },
      from: row.created_at,
      engine: () => options.engines(row.environment),
      position: () => findPosition(database.db, row.id, app),
      send: () => open(row),
      taken: (done) =>
        database.change(PLATFORM, (change) =>
          movePosition(change.db, { drain: row.id, app, at: clock.now(), ...done }),
        ),
      changed: () => loop?.wake(),
      now: () => clock.now(),
      pauses: options.pauses ?? PAUSES,
    })
  }

  /** One delivery for every drain and source that there is, none for what is gone; and long failures are told once. */
  async function look(): Promise<void> {
    const rows = await listDrains(database.db)
    const wanted = new Map<string, [DrainRow, Source]>()
    for (const row of rows) {
      for (const source of await options.sourcesIn(database.db, row.environment))
        wanted.set(`${row.id} ${nameOf(source)}`, [row, source])
    }
    for (const [key, delivery] of deliveries) {
      if (wanted.has(key)) continue
      deliveries.delete(key)
      await delivery.stop()
    }
    for (const { drain, app } of await listPositions(database.db)) {
      // Spaces come and go all day: of those that are gone the counts are enough.
      if (!app.includes('--') || wanted.has(`${drain} ${app}`)) continue
      await database.change(PLATFORM, (change) => foldPosition(change.db, drain, app))
    }
    for (const [key, [row, source]] of wanted)
      if (!deliveries.has(key)) deliveries.set(key, start(row, source))
    for (const row of rows) await tell(row)
  }

  async function tell(row: DrainRow): Promise<void> {
    const { since, problem } = troubleOf(row.id)
    const isLong = since !== null && clock.now().getTime() - since.getTime() >= TOLD_AFTER
    if (isLong === (row.failing_since !== null)) return
    if (since !== null && !isLong) return
    await database.change(PLATFORM, async (change) => {
      if (!(await setFailing(change.db, row.id, since))) return
      change.event({
        kind: since ? 'drain.failing' : 'drain.recovered',
        environment: row.environment,
        message: since
          ? `The drain of ${row.environment} to ${row.url} fails: ${problem}`
          : `The drain of ${row.environment} to ${row.url} is taken again`,
        facts: { drain: row.id },
      })
    })
  }

  /** Of all apps of a drain: since when one of them fails, and why, and since when lines wait. */
  function troubleOf(id: string): {
    since: Date | null
    problem: string | null
    waitingSince: string | null
  } {
    let worst: { since: Date | null; problem: string | null } = { since: null, problem: null }
    let waitingSince: string | null = null
    for (const [key, delivery] of deliveries) {
      if (!key.startsWith(`${id} `)) continue
      const progress = delivery.progress()
      if (progress.failingSince && (!worst.since || progress.failingSince < worst.since))
        worst = { since: progress.failingSince, problem: progress.problem }
      if (progress.waitingSince && (!waitingSince || progress.waitingSince < waitingSince))
        waitingSince = progress.waitingSince
    }
    return { ...worst, waitingSince }
  }

  return {
    name: 'drains',
    migrations,
    routes: drainRoutes({ database, clock, add, remove, troubleOf }),
    /** An environment that is removed takes its drains along. */
    async forgetEnvironment(change: Change, environment: string) {
      for (const { id } of await lockDrains(change.db, environment)) await remove(change, environment, id)
    },
    async start() {
      loop = startLoop({ pass: look, interval: LOOK_EVERY, onError: options.onError })
      forget = database.listen(TOPIC, () => loop?.wake())
    },
    async stop() {
      forget()
      await loop?.stop()
      await Promise.all([...deliveries.values()].map((delivery) => delivery.stop()))
      deliveries.clear()
    },
  } satisfies Feature & Record<string, unknown>
}

/** No name of ours contains two hyphens. */
const nameOf = ({ app, space }: Source) => (space === undefined ? app : `${app}--${space}`)
