import type { Run } from '../../../api/processes.ts'
import type { Target } from '../../../engines/engine.ts'
import type { Queries, Within } from '../../kernel/database.ts'
import type { Migration } from '../../kernel/migrations.ts'

export const migrations: Migration[] = [
  {
    name: 'processes/001-create',
    sql: `
      create table runs (
        id text primary key,
        app text not null, environment text not null, release integer not null,
        command text not null,
        terminal jsonb, reads_input boolean not null, timeout_seconds integer,
        state text not null, exit integer, reason text,
        -- The engine has answered that it started, or that it had started, the run.
        started boolean not null,
        by text not null, started_at timestamptz not null, ended_at timestamptz
      );
      create index runs_by_app on runs (app, environment, started_at);
      create index runs_open on runs (id) where state = 'running';
    `,
  },
  { name: 'processes/002-in-spaces', sql: 'alter table runs add column space text' },
]

export interface RunRow {
  id: string
  app: string
  environment: string
  /** The space that it runs in; null for the environment itself. */
  space: string | null
  release: number
  command: string
  terminal: { columns: number; rows: number } | null
  reads_input: boolean
  timeout_seconds: number | null
  state: Run['state']
  exit: number | null
  reason: string | null
  started: boolean
  by: string
  started_at: Date
  ended_at: Date | null
}

type Tables = { runs: RunRow }
const tables = (db: Queries | Within) => (db as Queries).withTables<Tables>()

export async function insertRun(db: Within, row: RunRow): Promise<void> {
  await tables(db)
    .insertInto('runs')
    .values({ ...row, terminal: row.terminal && (JSON.stringify(row.terminal) as never) })
    .execute()
}

export async function findRun(db: Queries | Within, id: string): Promise<RunRow | null> {
  return (await tables(db).selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirst()) ?? null
}

const MOST_LISTED = 200

export async function listRuns(
  db: Queries,
  app: string,
  environment: string,
  space: string | null = null,
): Promise<RunRow[]> {
  return tables(db)
    .selectFrom('runs')
    .selectAll()
    .where('app', '=', app)
    .where('environment', '=', environment)
    .where('space', space === null ? 'is' : '=', space)
    .orderBy('started_at', 'desc')
    .limit(MOST_LISTED)
    .execute()
}

export async function openRuns(db: Queries): Promise<RunRow[]> {
  return tables(db).selectFrom('runs').selectAll().where('state', '=', 'running').execute()
}

/** Only a run that still counts as running: its end is told once. False where it was told already. */
export async function updateRun(db: Within, id: string, next: Partial<RunRow>): Promise<boolean> {
  const { terminal: _terminal, ...changed } = next
  const { numUpdatedRows } = await tables(db)
    .updateTable('runs')
    .set(changed)
    .where('id', '=', id)
    .where('state', '=', 'running')
    .executeTakeFirst()
  return numUpdatedRows === 1n
}

/** Where the engine finds it. */
export const targetOf = ({
  app,
  environment,
  space,
}: Pick<RunRow, 'app' | 'environment' | 'space'>): Target => ({
  ...{ app, environment },
  ...(space === null ? {} : { space }),
})

export function asRun(row: RunRow): Run {
  const { id, app, environment, space, release, command, state, exit, reason, by } = row
  return {
    ...{ id, app, environment, space, release, command, state, exit, reason, by },
    startedAt: row.started_at.toISOString(),
    endedAt: row.ended_at?.toISOString() ?? null,
  }
}
