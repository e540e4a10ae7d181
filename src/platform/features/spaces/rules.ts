/** What may be in a space, for how long, and what runs of it. Pure. */
import type { RunSpec } from '../../../api/app-spec.ts'
import { MOST_HOURS } from '../../../api/spaces.ts'
import type { SpaceAppRow, SpaceRow } from './store.ts'

/** What one person, or one machine, may have at a time: a machine makes spaces for everybody's branches. */
export const QUOTAS = {
  person: { spaces: 5, apps: 10, databases: 5 },
  machine: { spaces: 50, apps: 100, databases: 50 },
} as const

export const HOUR = 3_600_000
/** How long a space lasts where nobody says. */
export const TERM_HOURS = 7 * 24
/** Nobody asked for so long: it sleeps. */
export const IDLE_MS = 30 * 60_000
/** How long whoever is at an app counts as being there after they last said so. */
export const ATTENDANCE_MS = 120_000

/** Takes traffic. */
const WEB = 'web'

/** What runs of an app in an overlay: one `web`, and of the others what was asked for. */
export function overlayCounts(
  run: Pick<RunSpec, 'processes'>,
  asked: readonly string[],
): Record<string, number> {
  return Object.fromEntries(
    Object.keys(run.processes).map((name) => [name, name === WEB || asked.includes(name) ? 1 : 0]),
  )
}

/** The same, with what somebody set by hand. */
export function countsOf({
  run,
  with_processes,
  scaled,
}: Pick<SpaceAppRow, 'run' | 'with_processes' | 'scaled'>): Record<string, number> {
  const counts = Object.entries(overlayCounts(run, with_processes))
  return Object.fromEntries(counts.map(([name, count]) => [name, scaled[name]?.count ?? count]))
}

/** What does not run here although the app has it, each with the reason. */
export function offOf({
  run,
  counts,
  with_crons,
  command,
  environment,
}: Pick<SpaceAppRow, 'run' | 'counts' | 'with_crons' | 'command' | 'environment'>) {
  const processes = Object.keys(run.processes).filter((name) => (counts[name] ?? 0) === 0)
  return [
    ...processes.map((name) => ({
      what: name,
      because: `${name} runs in ${environment} already, and both would take the same work; --with ${name} starts one here`,
    })),
    ...(with_crons ? [] : Object.keys(run.crons)).map((name) => ({
      what: name,
      because: `the cron ${name} runs in ${environment} already; --crons runs it here too`,
    })),
    ...(run.releaseCommand !== undefined && command === 'none'
      ? [
          {
            what: 'release',
            because: `the release command would change the database of ${environment}; --release runs it`,
          },
        ]
      : []),
  ]
}

/** What the environment has set, as far as the app's needs don't give it, and what the app lacks beside that. */
export function configBelow(
  run: Pick<RunSpec, 'variables'>,
  present: { plain: Record<string, string>; secrets: Record<string, number> },
  /** Keys that needs give at run time. */
  injected: readonly string[],
  /** Keys that the space has for itself. */
  own: readonly string[],
) {
  const without = <Value>(all: Record<string, Value>): Record<string, Value> =>
    Object.fromEntries(Object.entries(all).filter(([key]) => !injected.includes(key)))
  const [plain, secrets] = [without(present.plain), without(present.secrets)]
  const isThere = (key: string) =>
    key in plain || key in secrets || injected.includes(key) || own.includes(key) || key === 'PORT'
  const absent = Object.entries(run.variables).filter(
    ([key, spec]) => spec.default === undefined && !isThere(key),
  )
  return {
    ...{ plain, secrets },
    /** Made up for the space alone. */
    generate: absent.filter(([, spec]) => spec.generated).map(([key]) => key),
    missing: absent.filter(([, spec]) => spec.required && !spec.generated).map(([key]) => key),
  }
}

/** What the source says where nobody has set anything. */
export function defaultsOf(run: Pick<RunSpec, 'variables'>): Record<string, string> {
  const entries = Object.entries(run.variables).filter(([, spec]) => !spec.generated)
  return Object.fromEntries(
    entries.flatMap(([key, spec]) => (spec.default === undefined ? [] : [[key, spec.default]])),
  )
}

export interface Counted {
  spaces: number
  apps: number
  databases: number
}

/** Whether the copy has a database for itself alone. */
export const hasDatabase = ({ own_database, run }: Pick<SpaceAppRow, 'own_database' | 'run'>): boolean =>
  own_database && run.needs.includes('postgres')

/** What it would have too many of; null where it fits. */
export function quotaProblem(
  kind: keyof typeof QUOTAS,
  had: Counted,
  more: Counted,
): { what: keyof Counted; most: number } | null {
  for (const what of ['spaces', 'apps', 'databases'] as const) {
    const most = QUOTAS[kind][what]
    if (more[what] > 0 && had[what] + more[what] > most) return { what, most }
  }
  return null
}

export function expiryAfter(now: number, hours: number): Date {
  return new Date(now + Math.min(hours, MOST_HOURS) * HOUR)
}

/** When a space that is used now expires; null where that is hardly later than it does anyway. */
export function expiryByUse(now: number, space: { expires_at: Date; term_hours: number }): Date | null {
  const at = expiryAfter(now, space.term_hours)
  return at.getTime() - space.expires_at.getTime() > HOUR ? at : null
}

export const isAttached = (row: Pick<SpaceAppRow, 'attached_until'>, now: number): boolean =>
  row.attached_until !== null && row.attached_until.getTime() > now

/** What the engine is to run of it now. */
export function countsNow(row: Pick<SpaceAppRow, 'counts' | 'wanted'>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(row.counts).map(([name, count]) => [name, row.wanted === 'running' ? count : 0]),
  )
}

/** Where the engine is to put it. */
export const targetOf = (
  { apart }: Pick<SpaceRow, 'apart'>,
  { app, environment, space }: Pick<SpaceAppRow, 'app' | 'environment' | 'space'>,
) => ({ app, environment, space, ...(apart && { apart }) })

export const setOf = ({ space, revision }: Pick<SpaceAppRow, 'space' | 'revision'>): string =>
  `${space}.${revision}`
