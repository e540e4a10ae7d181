import { sql } from 'kysely'
import type { Origin } from '../../../api/app-spec.ts'
import type { Ship, ShippedApp } from '../../../api/ships.ts'
import type { Queries, Within } from '../../kernel/database.ts'
import type { Migration } from '../../kernel/migrations.ts'
import type { AppDeclaration } from '../manifests/index.ts'
import type { Into } from './ports.ts'

export interface ShipRow {
  id: string
  position: number
  environment: string
  /** The space that it goes into, and how; null for releases. */
  into: Into | null
  tree: string
  origin: Origin
  requested_by: string
  state: Ship['state']
  when_busy: 'supersede' | 'queue'
  rebuild: boolean
  cancelled_by: string | null
  /** Counts changes, so that two that decide at once don't both act. */
  version: number
  created_at: Date
  ended_at: Date | null
}

export interface ShipAppRow {
  ship: string
  app: string
  position: number
  state: ShippedApp['state']
  declaration: AppDeclaration
  build: string | null
  attempts: number
  artifact: string | null
  release: number | null
  rollout: string | null
  stopping: boolean
  urls: string[]
  error: ShippedApp['error']
}

type Own = { ships: ShipRow; ship_apps: ShipAppRow }

export const migrations: Migration[] = [
  {
    name: 'ships/001-ships',
    sql: `
      create table ships (
        id text primary key,
        position bigint generated always as identity,
        environment text not null,
        tree text not null,
        origin jsonb not null,
        requested_by text not null,
        state text not null,
        when_busy text not null,
        rebuild boolean not null,
        cancelled_by text,
        version integer not null default 0,
        created_at timestamptz not null,
        ended_at timestamptz
      );
      create index ships_running on ships (position) where state = 'running';
      create table ship_apps (
        ship text not null references ships on delete cascade,
        app text not null,
        position integer not null,
        state text not null,
        declaration jsonb not null,
        build text,
        attempts integer not null default 0,
        artifact text,
        release integer,
        rollout text,
        stopping boolean not null default false,
        urls jsonb not null default '[]',
        error jsonb,
        primary key (ship, app)
      );
      create index ship_apps_by_app on ship_apps (app);
    `,
  },
  { name: 'ships/002-into-spaces', sql: 'alter table ships add column "into" jsonb' },
]

const MOST_OF_A_BUILD = 20

const tables = (db: Queries | Within) => db.withTables<Own>()
const json = <T>(value: T) => sql<T>`${JSON.stringify(value)}::jsonb`

export type NewShip = Omit<ShipRow, 'position' | 'version' | 'ended_at' | 'cancelled_by' | 'state'>

export async function insertShip(db: Within, ship: NewShip): Promise<void> {
  await tables(db)
    .insertInto('ships')
    .values({
      ...ship,
      origin: json(ship.origin),
      into: ship.into && json(ship.into),
      state: 'running',
    } as never)
    .execute()
}

export async function insertShipApp(
  db: Within,
  app: Pick<ShipAppRow, 'ship' | 'app' | 'position' | 'declaration' | 'build'>,
): Promise<void> {
  await tables(db)
    .insertInto('ship_apps')
    .values({ ...app, declaration: json(app.declaration), state: 'building', attempts: 1 } as never)
    .execute()
}

export async function findShip(db: Queries | Within, id: string): Promise<ShipRow | null> {
  return (await tables(db).selectFrom('ships').selectAll().where('id', '=', id).executeTakeFirst()) ?? null
}

/** The same, locked until the change ends: whoever changes it waits. */
export async function lockShip(db: Within, id: string): Promise<ShipRow | null> {
  const query = tables(db).selectFrom('ships').selectAll().where('id', '=', id).forUpdate()
  return (await query.executeTakeFirst()) ?? null
}

export function shipApps(db: Queries | Within, ships: readonly string[]): Promise<ShipAppRow[]> {
  return tables(db)
    .selectFrom('ship_apps')
    .selectAll()
    .where('ship', 'in', ships)
    .orderBy('position')
    .execute()
}

/** Deliveries under way, oldest first. */
export function runningShips(db: Queries): Promise<ShipRow[]> {
  return tables(db)
    .selectFrom('ships')
    .selectAll()
    .where('state', '=', 'running')
    .orderBy('position')
    .execute()
}

export async function shipsOfBuild(
  db: Queries,
  build: string,
): Promise<{ id: string; environment: string; space: string | null }[]> {
  const rows = await tables(db)
    .selectFrom('ship_apps')
    .innerJoin('ships', 'ships.id', 'ship_apps.ship')
    .select(['ships.id', 'ships.environment', 'ships.into'])
    .where('ship_apps.build', '=', build)
    .where('ships.state', '=', 'running')
    .execute()
  return rows.map(({ id, environment, into }) => ({ id, environment, space: into?.name ?? null }))
}

/** The newest deliveries that a build was made or taken for. */
export async function everyShipOfBuild(db: Queries, build: string): Promise<string[]> {
  const rows = await tables(db)
    .selectFrom('ship_apps')
    .innerJoin('ships', 'ships.id', 'ship_apps.ship')
    .select('ships.id')
    .where('ship_apps.build', '=', build)
    .orderBy('ships.position', 'desc')
    .limit(MOST_OF_A_BUILD)
    .execute()
  return rows.map(({ id }) => id)
}

/** Other deliveries of the same apps to the same place, as far as they matter to this one. */
export function rivals(db: Queries | Within, ship: ShipRow, apps: readonly string[]) {
  return tables(db)
    .selectFrom('ship_apps')
    .innerJoin('ships', 'ships.id', 'ship_apps.ship')
    .select([
      'ships.id',
      'ships.position',
      'ships.state as ship_state',
      'ship_apps.app',
      'ship_apps.state',
      'ship_apps.rollout',
    ])
    .where('ships.environment', '=', ship.environment)
    .where(sql<boolean>`ships."into" ->> 'name' is not distinct from ${ship.into?.name ?? null}`)
    .where('ship_apps.app', 'in', apps)
    .where(({ or, and, eb }) =>
      or([
        and([eb('ships.position', '<', ship.position), eb('ships.state', '=', 'running')]),
        eb('ships.position', '>', ship.position),
      ]),
    )
    .orderBy('ships.position')
    .execute()
}

type ShipChange = Partial<Pick<ShipRow, 'state' | 'cancelled_by' | 'ended_at'>>

/** False where somebody else changed the delivery since it was read, or it is over. */
export async function updateShip(
  db: Within,
  id: string,
  version: number,
  change: ShipChange,
): Promise<boolean> {
  const result = await tables(db)
    .updateTable('ships')
    .set({ ...change, version: version + 1 })
    .where('id', '=', id)
    .where('version', '=', version)
    .where('state', '=', 'running')
    .executeTakeFirst()
  return result.numUpdatedRows > 0n
}

type AppRowChange = Partial<
  Pick<
    ShipAppRow,
    'state' | 'build' | 'attempts' | 'artifact' | 'release' | 'rollout' | 'stopping' | 'urls' | 'error'
  >
>

export async function updateShipApp(
  db: Within,
  ship: string,
  app: string,
  change: AppRowChange,
): Promise<void> {
  const { urls, error, ...plain } = change
  await tables(db)
    .updateTable('ship_apps')
    .set({
      ...plain,
      ...(urls !== undefined && { urls: json(urls) }),
      ...(error !== undefined && { error: error === null ? null : json(error) }),
    })
    .where('ship', '=', ship)
    .where('app', '=', app)
    .execute()
}

/** The tree and declaration of the newest delivery that made or took this artifact. */
export async function lastSource(
  db: Queries,
  app: string,
  environment: string | null,
  artifact: string,
): Promise<{ tree: string; declaration: AppDeclaration } | null> {
  let query = tables(db)
    .selectFrom('ship_apps')
    .innerJoin('ships', 'ships.id', 'ship_apps.ship')
    .select(['ships.tree', 'ship_apps.declaration'])
    .where('ship_apps.app', '=', app)
    .where('ship_apps.artifact', '=', artifact)
    .where('ships.into', 'is', null)
    .where('ship_apps.state', 'in', ['live', 'unchanged'])
    .orderBy('ships.position', 'desc')
  if (environment !== null) query = query.where('ships.environment', '=', environment)
  return (await query.executeTakeFirst()) ?? null
}

/** Trees of deliveries under way and of the newest ones. */
export async function shippedTrees(db: Queries, newest: number): Promise<string[]> {
  const rows = await tables(db)
    .selectFrom('ships')
    .select('tree')
    .where(({ or, eb, selectFrom }) =>
      or([
        eb('state', '=', 'running'),
        eb(
          'id',
          'in',
          selectFrom('ships as newest').select('newest.id').orderBy('position', 'desc').limit(newest),
        ),
      ]),
    )
    .execute()
  return rows.map((row) => row.tree)
}

export function viewOf(ship: ShipRow, apps: readonly ShipAppRow[]): Ship {
  return {
    id: ship.id,
    environment: ship.environment,
    space: ship.into?.name ?? null,
    tree: ship.tree,
    origin: ship.origin,
    by: ship.requested_by,
    state: ship.state,
    apps: apps.map(({ app, state, build, release, rollout, urls, error }) => ({
      app,
      state,
      build,
      release,
      rollout,
      urls,
      error,
    })),
    createdAt: ship.created_at.toISOString(),
    endedAt: ship.ended_at?.toISOString() ?? null,
  }
}
