/**
 * Domains: names of one's own under which apps answer. A name leads to one app in one environment; the rows are kept
 * here, what is wanted goes the way of every plan, and how it stands is looked at when somebody asks. Ends of
 * certificates are watched, because nobody asks for them in time.
 */
import { TowError } from '../../../api/errors.ts'
import type { WantedDomain } from '../../../engines/engine.ts'
import { PLATFORM } from '../../kernel/actor.ts'
import type { Change, Database, Queries } from '../../kernel/database.ts'
import type { Feature } from '../../kernel/feature.ts'
import { type Loop, startLoop } from '../../kernel/loop.ts'
import { operations } from '../../kernel/operations.ts'
import type { Rollouts } from '../rollouts/index.ts'
import { createLook, type LookParts } from './look.ts'
import { refusals } from './messages.ts'
import { checksOf, isExpiring, MOST, readHost } from './rules.ts'
import {
  claimDomain,
  type DomainRow,
  deleteDomain,
  type Filter,
  listDomains,
  migrations,
  setCertificate,
  setWarned,
} from './store.ts'

export { migrations as domainMigrations } from './store.ts'

export interface DomainsOptions extends LookParts {
  database: Database
  rollouts: Pick<Rollouts, 'publish'>
  onError: (error: unknown) => void
  /** Milliseconds between two looks at certificates. */
  watchEvery?: number
}

export type Domains = ReturnType<typeof createDomains>

const WATCH_EVERY = 600_000

interface Place {
  app: string
  environment: string
}

export function createDomains(options: DomainsOptions) {
  const { database, clock, engines, rollouts } = options
  const look = createLook(options)
  let loop: Loop | null = null

  async function publish(change: Change, { app, environment }: Place): Promise<void> {
    await rollouts.publish(change, app, environment, async () => {
      const rows = await listDomains(change.db, { app, environment })
      if (rows.length > MOST) throw refusals.tooMany(app, environment, MOST)
      return rows.map(wanted)
    })
  }

  async function add(change: Change, asked: Place & WantedDomain, by: string) {
    const { app, environment, host, certificate = null } = asked
    const before = await claimDomain(change.db, {
      ...{ host, app, environment, certificate },
      ...{ created_at: clock.now(), created_by: by, warned_of: null },
    })
    if (before && (before.app !== app || before.environment !== environment)) {
      throw refusals.taken(host, before.app, before.environment)
    }
    if (before?.certificate === certificate) return { host, certificate }
    if (before) await setCertificate(change.db, host, certificate)
    await publish(change, asked)
    const shown = certificate === null ? '' : ` with the certificate ${certificate}`
    change.event({
      kind: before ? 'domain.changed' : 'domain.added',
      ...{ app, environment },
      message: `${app} in ${environment} answers to ${host}${shown}`,
      facts: { host, certificate },
    })
    return { host, certificate }
  }

  async function remove(change: Change, host: string, { app, environment }: Place) {
    const row = await deleteDomain(change.db, { host, app, environment })
    if (!row) throw refusals.unknown(host, app, environment)
    await publish(change, row)
    tellRemoved(change, row)
    return { host, certificate: row.certificate }
  }

  function tellRemoved(change: Change, { host, app, environment, certificate }: DomainRow): void {
    change.event({
      kind: 'domain.removed',
      ...{ app, environment },
      message: `${app} in ${environment} no longer answers to ${host}`,
      facts: { host, certificate },
    })
  }

  /** What goes with an app or an environment: nobody is left to be told of it. */
  async function forget(change: Change, filter: Filter): Promise<void> {
    for (const row of await listDomains(change.db, filter)) {
      await deleteDomain(change.db, row)
      tellRemoved(change, row)
    }
  }

  /** Each end of a certificate is told once, and that it was renewed. */
  async function watch(): Promise<void> {
    const rows = (await listDomains(database.db, {})).filter(({ certificate }) => certificate !== null)
    const places = Map.groupBy(rows, ({ app, environment }) => `${app} ${environment}`)
    for (const here of places.values()) {
      const asked = await look.ask(here[0]!.app, here[0]!.environment)
      if ('away' in asked) continue
      for (const row of here) await warn(row, asked.seen.find(({ host }) => host === row.host)?.expiresAt)
    }
  }

  async function warn(row: DomainRow, expiresAt: string | null | undefined): Promise<void> {
    if (!expiresAt) return
    const isLate = isExpiring(expiresAt, clock.now().getTime())
    if (!isLate && row.warned_of === null) return
    const { host, app, environment, certificate } = row
    const day = expiresAt.slice(0, 10)
    await database.change(PLATFORM, async (change) => {
      if (!(await setWarned(change.db, host, isLate ? new Date(expiresAt) : null))) return
      change.event({
        kind: isLate ? 'domain.expiring' : 'domain.renewed',
        ...{ app, environment },
        message: `The certificate ${certificate} of ${host} ${isLate ? 'ends' : 'is renewed, and ends'} on ${day}`,
        facts: { host, certificate, expiresAt },
      })
    })
  }

  const list = async (db: Queries, filter: Filter) => look.all(await listDomains(db, filter))

  const routes = {
    domains: {
      list: operations.domains.list.handler(({ input }) => list(database.db, input)),
      add: operations.domains.add.handler(async ({ input, context: { actor } }) => {
        const { app, environment, certificate } = input
        const domain = { host: readHost(input.host), ...(certificate === undefined ? {} : { certificate }) }
        const refusal = await (await engines(environment)).refusesDomain({ app, environment }, domain)
        if (refusal) throw new TowError('REFUSED', refusal.message, { hint: refusal.hint })
        return database.change(actor, (change) => add(change, { app, environment, ...domain }, actor.name))
      }),
      remove: operations.domains.remove.handler(({ input, context: { actor } }) =>
        database.change(actor, (change) => remove(change, readHost(input.host), input)),
      ),
    },
  }

  const feature = {
    name: 'domains',
    migrations,
    routes,
    async start() {
      const interval = options.watchEvery ?? WATCH_EVERY
      loop = startLoop({ pass: watch, interval, onError: options.onError })
    },
    async stop() {
      await loop?.stop()
      loop = null
    },
  } satisfies Feature

  return {
    ...feature,
    forget,
    list,
    check: async () => checksOf(await list(database.db, {})),
  }
}

function wanted({ host, certificate }: DomainRow): WantedDomain {
  return { host, ...(certificate === null ? {} : { certificate }) }
}
