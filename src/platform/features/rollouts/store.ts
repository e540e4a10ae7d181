import { sql } from 'kysely'
import type { Rollout } from '../../../api/rollouts.ts'
import type { Queries, Within } from '../../kernel/database.ts'
import type { Migration } from '../../kernel/migrations.ts'
import { awayMessage } from './messages.ts'
import {
  EMPTY_PLAN,
  isActive,
  isOver,
  type Override,
  type Plan,
  type RolloutState,
  type TargetState,
} from './state.ts'

export const migrations: Migration[] = [
  {
    name: 'rollouts/001-create',
    sql: `
      create table targets (
        app text not null, environment text not null,
        generation integer not null,
        plan jsonb not null,
        live integer,
        declared jsonb not null, overrides jsonb not null,
        -- The newest generation that the engine was seen to have taken over: below 'generation', something is owed.
        seen integer not null,
        removing boolean not null,
        version integer not null,
        primary key (app, environment)
      );
      create index targets_owed on targets (app, environment) where seen < generation or removing;
      create table rollouts (
        id text primary key,
        sequence bigint generated always as identity,
        app text not null, environment text not null, release integer not null,
        phase text not null,
        state jsonb not null,
        version integer not null
      );
      create index rollouts_by_app on rollouts (app, environment, sequence);
      create index rollouts_by_age on rollouts (sequence);
      create index rollouts_open on rollouts (app, environment)
        where phase not in ('live', 'failed', 'aborted', 'superseded');
      create unique index one_active_rollout on rollouts (app, environment)
        where phase in ('release-command', 'asking', 'starting', 'switching', 'finishing', 'undoing');
    `,
  },
]

export interface TargetRow extends TargetState {
  seen: number
  removing: boolean
  version: number
}

export interface RolloutRow {
  state: RolloutState
  version: number
  sequence: number
}

type Tables = {
  targets: {
    app: string
    environment: string
    generation: number
    plan: Plan
    live: number | null
    declared: Record<string, number>
    overrides: Record<string, Override>
    seen: number
    removing: boolean
    version: number
  }
  rollouts: {
    id: string
    sequence: number
    app: string
    environment: string
    release: number
    phase: RolloutState['phase']
    state: RolloutState
    version: number
  }
}

const OVER = ['live', 'failed', 'aborted', 'superseded'] as const
const tables = (db: Queries | Within) => (db as Queries).withTables<Tables>()

export async function findTarget(
  db: Queries | Within,
  app: string,
  environment: string,
): Promise<TargetRow | null> {
  const row = await tables(db)
    .selectFrom('targets')
    .selectAll()
    .where('app', '=', app)
    .where('environment', '=', environment)
    .executeTakeFirst()
  return row ?? null
}

/** The row, made where it is missing, locked until the change ends: who changes a target takes turns. */
export async function lockTarget(db: Within, app: string, environment: string): Promise<TargetRow> {
  const empty = {
    app,
    environment,
    generation: 0,
    plan: JSON.stringify(EMPTY_PLAN) as never,
    live: null,
    declared: JSON.stringify({}) as never,
    overrides: JSON.stringify({}) as never,
    seen: 0,
    removing: false,
    version: 0,
  }
  await tables(db)
    .insertInto('targets')
    .values(empty)
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  return tables(db)
    .selectFrom('targets')
    .selectAll()
    .where('app', '=', app)
    .where('environment', '=', environment)
    .forUpdate()
    .executeTakeFirstOrThrow()
}

/** Compare-and-swap: false where someone else changed the row since it was read. */
export async function updateTarget(db: Within, row: TargetRow, next: Partial<TargetRow>): Promise<boolean> {
  const { plan, declared, overrides, app: _app, environment: _environment, ...plain } = next
  const { numUpdatedRows } = await tables(db)
    .updateTable('targets')
    .set({
      ...plain,
      ...(plan && { plan: JSON.stringify(plan) as never }),
      ...(declared && { declared: JSON.stringify(declared) as never }),
      ...(overrides && { overrides: JSON.stringify(overrides) as never }),
      version: row.version + 1,
    })
    .where('app', '=', row.app)
    .where('environment', '=', row.environment)
    .where('version', '=', row.version)
    .executeTakeFirst()
  return numUpdatedRows === 1n
}

export async function listTargets(
  db: Queries | Within,
  filter: { app?: string | undefined; environment?: string | undefined } = {},
): Promise<TargetRow[]> {
  let query = tables(db).selectFrom('targets').selectAll().orderBy('app').orderBy('environment')
  if (filter.app !== undefined) query = query.where('app', '=', filter.app)
  if (filter.environment !== undefined) query = query.where('environment', '=', filter.environment)
  return query.execute()
}

/** Targets at which something is to do: an open rollout, or a plan that the engine was not seen to have. */
export async function owedTargets(db: Queries): Promise<{ app: string; environment: string }[]> {
  return tables(db)
    .selectFrom('rollouts')
    .select(['app', 'environment'])
    .where('phase', 'not in', OVER)
    .union(
      tables(db)
        .selectFrom('targets')
        .select(['app', 'environment'])
        .where((where) =>
          where.or([where('seen', '<', where.ref('generation')), where('removing', '=', true)]),
        ),
    )
    .execute()
}

export async function insertRollout(db: Within, state: RolloutState): Promise<void> {
  const { id, app, environment, release, phase } = state
  await tables(db)
    .insertInto('rollouts')
    .values({
      id,
      app,
      environment,
      release,
      phase,
      state: JSON.stringify(state) as never,
      version: 0,
    } as never)
    .execute()
}

/** Compare-and-swap: false where someone else changed the row since it was read. */
export async function updateRollout(db: Within, row: RolloutRow, next: RolloutState): Promise<boolean> {
  const { numUpdatedRows } = await tables(db)
    .updateTable('rollouts')
    .set({ phase: next.phase, state: JSON.stringify(next) as never, version: row.version + 1 })
    .where('id', '=', next.id)
    .where('version', '=', row.version)
    .executeTakeFirst()
  return numUpdatedRows === 1n
}

const COLUMNS = ['state', 'version', 'sequence'] as const

/** Rollouts of the target that are not over, oldest first. */
export async function openRollouts(
  db: Queries | Within,
  app: string,
  environment: string,
): Promise<RolloutRow[]> {
  return tables(db)
    .selectFrom('rollouts')
    .select(COLUMNS)
    .where('app', '=', app)
    .where('environment', '=', environment)
    .where('phase', 'not in', OVER)
    .orderBy('sequence')
    .execute()
}

/** The same, locked until the change ends: no worker moves them meanwhile. Lock the target first. */
export async function lockRollouts(db: Within, app: string, environment: string): Promise<RolloutRow[]> {
  return tables(db)
    .selectFrom('rollouts')
    .select(COLUMNS)
    .where('app', '=', app)
    .where('environment', '=', environment)
    .where('phase', 'not in', OVER)
    .orderBy('sequence')
    .forUpdate()
    .execute()
}

export async function findRollout(db: Queries | Within, id: string): Promise<RolloutRow | null> {
  const row = await tables(db).selectFrom('rollouts').select(COLUMNS).where('id', '=', id).executeTakeFirst()
  return row ?? null
}

export async function findRollouts(db: Queries | Within, ids: readonly string[]): Promise<RolloutRow[]> {
  if (ids.length === 0) return []
  return tables(db).selectFrom('rollouts').select(COLUMNS).where('id', 'in', ids).execute()
}

/** Newest first. */
export async function listRollouts(
  db: Queries | Within,
  filter: {
    app?: string | undefined
    environment?: string | undefined
    active?: boolean | undefined
    limit: number
  },
): Promise<RolloutRow[]> {
  let query = tables(db)
    .selectFrom('rollouts')
    .select(COLUMNS)
    .orderBy('sequence', 'desc')
    .limit(filter.limit)
  if (filter.app !== undefined) query = query.where('app', '=', filter.app)
  if (filter.environment !== undefined) query = query.where('environment', '=', filter.environment)
  if (filter.active !== undefined) query = query.where('phase', filter.active ? 'not in' : 'in', OVER)
  return query.execute()
}

export interface NewestRollout {
  app: string
  environment: string
  id: string
  release: number
  phase: RolloutState['phase']
  message: string
}

/** The newest of every target, one look at the index for each. */
export async function newestRollouts(
  db: Queries | Within,
  filter: { app?: string | undefined; environment?: string | undefined },
): Promise<NewestRollout[]> {
  const { app = null, environment = null } = filter
  const { rows } = await sql<NewestRollout>`
    select targets.app, targets.environment, newest.id, newest.release, newest.phase, newest.message
    from targets cross join lateral (
      select id, release, phase, state ->> 'message' as message from rollouts
      where rollouts.app = targets.app and rollouts.environment = targets.environment
      order by sequence desc limit 1
    ) newest
    where (${app}::text is null or targets.app = ${app})
      and (${environment}::text is null or targets.environment = ${environment})`.execute(db as Queries)
  return rows
}

/** The rollout that is under way, else the one whose turn it is. */
export function currentOf(rows: readonly RolloutRow[]): RolloutRow | null {
  return rows.find((row) => isActive(row.state.phase)) ?? rows.find((row) => !isOver(row.state.phase)) ?? null
}

export function asRollout(state: RolloutState, now: number): Rollout {
  const isWaiting = state.awaySince !== null && isActive(state.phase)
  return {
    id: state.id,
    app: state.app,
    environment: state.environment,
    release: state.release,
    previous: state.previous,
    phase: state.phase,
    message:
      isWaiting && state.awaySince !== null
        ? awayMessage(state.environment, Math.max(0, Math.round((now - state.awaySince) / 1000)))
        : state.message,
    hint: state.hint,
    lastLines: state.lastLines,
    by: state.by,
    startedAt: new Date(state.startedAt).toISOString(),
    endedAt: state.endedAt === null ? null : new Date(state.endedAt).toISOString(),
    history: state.history.map((entry) => ({ ...entry, at: new Date(entry.at).toISOString() })),
  }
}
