/** How names stand right now: what engines see, where DNS leads, put before the rules. Nothing is kept. */
import { isIP } from 'node:net'
import type { Domain } from '../../../api/domains.ts'
import type { Engine, SeenDomain } from '../../../engines/engine.ts'
import type { Clock } from '../../kernel/clock.ts'
import { within } from '../rollouts/index.ts'
import { judge } from './rules.ts'
import type { DomainRow } from './store.ts'

export interface LookParts {
  clock: Clock
  engines: (environment: string) => Promise<Engine>
  /** Addresses of a name; none where it has none. */
  resolve: (name: string) => Promise<string[]>
}

const ENGINE_MS = 5000
const DNS_MS = 3000

export type Seen = { seen: readonly SeenDomain[] } | { away: string }

export function createLook({ clock, engines, resolve }: LookParts) {
  async function ask(app: string, environment: string): Promise<Seen> {
    const { signal } = new AbortController()
    const look = async () => (await engines(environment)).domains({ app, environment })
    try {
      return { seen: await within(look(), ENGINE_MS, signal, 'the engine does not answer') }
    } catch (error) {
      return { away: (error as Error).message }
    }
  }

  /** Null where nobody could be asked. */
  async function addressesOf(name: string): Promise<string[] | null> {
    const { signal } = new AbortController()
    return within(resolve(name), DNS_MS, signal, 'DNS does not answer').catch(() => null)
  }

  async function one(row: DomainRow, asked: Seen): Promise<Domain> {
    const { host, app, environment, certificate } = row
    const seen = 'seen' in asked ? (asked.seen.find((domain) => domain.host === host) ?? null) : null
    const [leadsTo, ...entrances] = await Promise.all([
      addressesOf(host),
      ...(seen?.entrances ?? []).map((entrance) => (isIP(entrance) ? [entrance] : addressesOf(entrance))),
    ])
    const judged = judge({
      ...{ host, certificate, seen, leadsTo },
      away: 'away' in asked ? asked.away : null,
      entrances: entrances.flatMap((addresses) => addresses ?? []),
      now: clock.now().getTime(),
    })
    return {
      ...{ host, app, environment, certificate },
      ...judged,
      createdAt: row.created_at.toISOString(),
      createdBy: row.created_by,
    }
  }

  return {
    ask,
    async all(rows: readonly DomainRow[]): Promise<Domain[]> {
      const places = Map.groupBy(rows, ({ app, environment }) => `${app} ${environment}`)
      const looked = [...places.values()].map(async (here) => {
        const asked = await ask(here[0]!.app, here[0]!.environment)
        return Promise.all(here.map((row) => one(row, asked)))
      })
      return (await Promise.all(looked)).flat().sort((a, b) => (a.host < b.host ? -1 : 1))
    },
  }
}
