import { sql } from 'kysely'
import type { Artifact, Origin, RunSpec } from '../../../api/app-spec.ts'
import { TowError } from '../../../api/errors.ts'
import type { ReleaseSummary } from '../../../api/releases.ts'
import type { Change, Queries, Within } from '../../kernel/database.ts'
import type { Migration } from '../../kernel/migrations.ts'

export type ReleaseState = ReleaseSummary['state']

export const migrations: Migration[] = [
  {
    name: 'releases/001-create',
    sql: `
      create table releases (
        id text primary key,
        app text not null, environment text not null, number integer not null,
        reason text not null, description text not null,
        artifact text not null, origin jsonb not null,
        by text not null, created_at timestamptz not null,
        run jsonb not null, plain jsonb not null, secrets jsonb not null, injected jsonb not null,
        content jsonb not null,
        from_environment text, from_number integer, from_id text,
        unique (app, environment, number)
      );
      create function refuse_change_of_release() returns trigger language plpgsql as $$
        begin raise exception 'a release never changes once it is written'; end $$;
      create trigger releases_never_change before update or delete on releases
        for each row execute function refuse_change_of_release();
      create trigger releases_are_kept before truncate on releases
        for each statement execute function refuse_change_of_release();
      create table release_states (
        id text primary key references releases,
        app text not null, environment text not null, number integer not null,
        state text not null, live_at timestamptz, rollout text
      );
      create index release_states_live on release_states (id) where state = 'live';
      create index release_states_by_app on release_states (app, environment, number);
      create table release_numbers (
        app text not null, environment text not null,
        last integer not null,
        -- Releases up to this one belong to an app of that name that was removed.
        forgotten integer not null,
        primary key (app, environment)
      );
    `,
  },
  {
    name: 'releases/002-by-age-and-artifact',
    sql: `
      create index releases_by_age on releases (environment, created_at);
      create index releases_by_artifact on releases (app, artifact, environment, number);
    `,
  },
]

export interface ReleaseRow {
  id: string
  app: string
  environment: string
  number: number
  reason: ReleaseSummary['reason']
  description: string
  artifact: string
  origin: Origin
  by: string
  created_at: Date
  run: RunSpec
  plain: Record<string, string>
  secrets: Record<string, number>
  injected: string[]
  content: Artifact
  from_environment: string | null
  from_number: number | null
  from_id: string | null
}

type Tables = {
  releases: ReleaseRow
  release_states: {
    id: string
    app: string
    environment: string
    number: number
    state: ReleaseState
    live_at: Date | null
    rollout: string | null
  }
  release_numbers: { app: string; environment: string; last: number; forgotten: number }
}

export type ReleaseWithState = ReleaseRow & {
  state: ReleaseState
  live_at: Date | null
  rollout: string | null
}
export type SummaryRow = Omit<ReleaseWithState, 'run' | 'plain' | 'secrets' | 'injected' | 'content'>

const tables = (db: Queries | Within) => (db as Queries).withTables<Tables>()

const SUMMARY = [
  'releases.id',
  'releases.app',
  'releases.environment',
  'releases.number',
  'releases.reason',
  'releases.description',
  'releases.artifact',
  'releases.origin',
  'releases.by',
  'releases.created_at',
  'releases.from_environment',
  'releases.from_number',
  'releases.from_id',
  'release_states.state',
  'release_states.live_at',
  'release_states.rollout',
] as const

/** Joined with the states; what belongs to a removed app of the same name is left out. */
function remembered(db: Queries | Within) {
  return tables(db)
    .selectFrom('releases')
    .innerJoin('release_states', 'release_states.id', 'releases.id')
    .innerJoin('release_numbers', (join) =>
      join
        .onRef('release_numbers.app', '=', 'releases.app')
        .onRef('release_numbers.environment', '=', 'releases.environment')
        .onRef('release_numbers.forgotten', '<', 'releases.number'),
    )
}

/** The next number: compare-and-swap on the counter, so that two deliveries never get the same. */
export async function takeNumber(db: Within, app: string, environment: string): Promise<number> {
  await tables(db)
    .insertInto('release_numbers')
    .values({ app, environment, last: 0, forgotten: 0 })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  for (;;) {
    const { last } = await tables(db)
      .selectFrom('release_numbers')
      .select('last')
      .where('app', '=', app)
      .where('environment', '=', environment)
      .executeTakeFirstOrThrow()
    const { numUpdatedRows } = await tables(db)
      .updateTable('release_numbers')
      .set({ last: last + 1 })
      .where('app', '=', app)
      .where('environment', '=', environment)
      .where('last', '=', last)
      .executeTakeFirst()
    if (numUpdatedRows === 1n) return last + 1
  }
}

export async function insertRelease(db: Within, row: ReleaseRow): Promise<void> {
  await tables(db)
    .insertInto('releases')
    .values({
      ...row,
      origin: JSON.stringify(row.origin),
      run: JSON.stringify(row.run),
      plain: JSON.stringify(row.plain),
      secrets: JSON.stringify(row.secrets),
      injected: JSON.stringify(row.injected),
      content: JSON.stringify(row.content),
    } as never)
    .execute()
  const { id, app, environment, number } = row
  await tables(db)
    .insertInto('release_states')
    .values({ id, app, environment, number, state: 'pending', live_at: null, rollout: null })
    .execute()
}

export async function updateState(
  { db }: Pick<Change, 'db'>,
  release: { app: string; environment: string; number: number },
  next: { state?: ReleaseState; rollout?: string; live_at?: Date },
): Promise<void> {
  await tables(db)
    .updateTable('release_states')
    .set(next)
    .where('app', '=', release.app)
    .where('environment', '=', release.environment)
    .where('number', '=', release.number)
    .execute()
}

export async function listReleases(
  db: Queries | Within,
  app: string,
  environment: string,
  limit: number,
): Promise<SummaryRow[]> {
  return remembered(db)
    .select(SUMMARY)
    .where('releases.app', '=', app)
    .where('releases.environment', '=', environment)
    .orderBy('releases.number', 'desc')
    .limit(limit)
    .execute()
}

const LOOKED_THROUGH = 200

/** Releases that a rollback may choose among, newest first; the one that is asked for however old it is. */
export async function listCandidates(
  db: Queries | Within,
  app: string,
  environment: string,
  asked: number | undefined,
) {
  const newest = await listReleases(db, app, environment, LOOKED_THROUGH)
  const numbers = newest.map((row) => row.number)
  if (asked !== undefined) numbers.push(asked)
  if (numbers.length === 0) return []
  return remembered(db)
    .select([...SUMMARY, 'releases.run', 'releases.plain', 'releases.secrets'])
    .where('releases.app', '=', app)
    .where('releases.environment', '=', environment)
    .where('releases.number', 'in', numbers)
    .orderBy('releases.number', 'desc')
    .execute()
}

export async function findRelease(
  db: Queries | Within,
  app: string,
  environment: string,
  number: number,
): Promise<ReleaseWithState | null> {
  const row = await remembered(db)
    .selectAll('releases')
    .select(['release_states.state', 'release_states.live_at', 'release_states.rollout'])
    .where('releases.app', '=', app)
    .where('releases.environment', '=', environment)
    .where('releases.number', '=', number)
    .executeTakeFirst()
  return row ?? null
}

/** The releases that serve. */
export async function liveReleases(
  db: Queries | Within,
  filter: { app?: string | undefined; environment?: string | undefined },
): Promise<SummaryRow[]> {
  let query = remembered(db).select(SUMMARY).where('release_states.state', '=', 'live')
  if (filter.app !== undefined) query = query.where('releases.app', '=', filter.app)
  if (filter.environment !== undefined) query = query.where('releases.environment', '=', filter.environment)
  return query.execute()
}

/** What runs of the releases that serve. */
export async function liveRuns(
  db: Queries | Within,
  environment: string,
): Promise<Pick<ReleaseWithState, 'app' | 'run'>[]> {
  return remembered(db)
    .select(['releases.app', 'releases.run'])
    .where('release_states.state', '=', 'live')
    .where('releases.environment', '=', environment)
    .execute()
}

/** A place, and the release up to which another environment is looked at for newer code. */
export interface Behind {
  app: string
  artifact: string
  before: { environment: string; release: number }
}

/** For each, in order: how many releases of other code went live there since its own; null where its own never was there. */
export async function newerReleases(
  db: Queries | Within,
  places: readonly Behind[],
): Promise<(number | null)[]> {
  if (places.length === 0) return []
  const asked = JSON.stringify(places.map(({ app, artifact, before }) => ({ app, artifact, ...before })))
  const { rows } = await sql<{ newer: number | null }>`
    select case when base.number is null then null else (
      -- Another config of the same code is nothing that the other place lacks.
      select count(*)::int from (
        select releases.artifact, lag(releases.artifact) over (order by releases.number) as before
        from releases join release_states on release_states.id = releases.id
        where releases.app = asked.app and releases.environment = asked.environment
          and releases.number between base.number and asked.release
          and (release_states.live_at is not null or releases.number = base.number)
      ) steps where artifact <> before
    ) end as newer
    from rows from (json_to_recordset(${asked}::json)
      as (app text, artifact text, environment text, release int)) with ordinality
      as asked (app, artifact, environment, release, place)
    left join lateral (
      select max(number) as number from releases
      where app = asked.app and environment = asked.environment and artifact = asked.artifact
    ) base on true
    order by asked.place`.execute(db as Queries)
  return rows.map(({ newer }) => newer)
}

export interface Delivered {
  app: string
  number: number
  reason: ReleaseSummary['reason']
  state: ReleaseState
  createdAt: Date
  liveAt: Date | null
  /** When its code came: its commit where that is known, else the first release of its artifact anywhere. */
  writtenAt: Date
}

/** Every release of an environment since then, oldest first. */
export async function deliveredSince(
  db: Queries | Within,
  environment: string,
  since: Date,
): Promise<Delivered[]> {
  const { rows } = await sql<Delivered>`
    select r.app, r.number, r.reason, s.state, r.created_at as "createdAt", s.live_at as "liveAt",
      coalesce((r.origin ->> 'committedAt')::timestamptz, first.at) as "writtenAt"
    from releases r
    join release_states s on s.id = r.id
    join lateral (
      select min(created_at) as at from releases where app = r.app and artifact = r.artifact
    ) first on true
    where r.environment = ${environment} and r.created_at >= ${since}
    order by r.created_at`.execute(db as Queries)
  return rows
}

/** Artifacts of the releases that a rollback or a look back may ask for: the last `each` that were live, and all that may become so. */
export async function artifactsInUse(db: Queries | Within, each: number): Promise<string[]> {
  const rows = await tables(db)
    .with('ranked', (query) =>
      query
        .selectFrom('releases')
        .innerJoin('release_states', 'release_states.id', 'releases.id')
        .select((select) => [
          'releases.artifact',
          'release_states.state',
          'release_states.live_at',
          select.fn
            .agg<number>('row_number')
            .over((over) =>
              over
                .partitionBy(['releases.app', 'releases.environment'])
                .orderBy('release_states.live_at', (order) => order.desc().nullsLast()),
            )
            .as('rank'),
        ]),
    )
    .selectFrom('ranked')
    .select('artifact')
    .distinct()
    .where((where) =>
      where.or([
        where.and([where('live_at', 'is not', null), where('rank', '<=', each)]),
        where('state', 'in', ['pending', 'rolling-out', 'live']),
      ]),
    )
    .execute()
  return rows.map((row) => row.artifact)
}

/** Numbers go on; what came before is not shown any more. */
export async function forgetReleases(db: Within, app: string): Promise<void> {
  await tables(db)
    .updateTable('release_numbers')
    .set((update) => ({ forgotten: update.ref('last') }))
    .where('app', '=', app)
    .execute()
}

export function asSummary(row: SummaryRow): ReleaseSummary {
  return {
    app: row.app,
    environment: row.environment,
    number: row.number,
    id: row.id,
    reason: row.reason,
    description: row.description,
    artifact: row.artifact,
    origin: row.origin,
    by: row.by,
    createdAt: row.created_at.toISOString(),
    state: row.state,
    liveAt: row.live_at?.toISOString() ?? null,
  }
}

export async function requireRelease(
  db: Queries | Within,
  app: string,
  environment: string,
  number: number,
): Promise<ReleaseWithState> {
  const row = await findRelease(db, app, environment, number)
  if (row) return row
  const [newest] = await listReleases(db, app, environment, 1)
  throw new TowError(
    'NOT_FOUND',
    newest
      ? `${app} has no v${number} in ${environment}; the newest is v${newest.number}`
      : `${app} has no release in ${environment}`,
    { hint: newest ? `tow releases -a ${app} -e ${environment}` : `tow ship -a ${app} -e ${environment}` },
  )
}
