import { sql } from 'kysely'
import type { Origin, RunSpec } from '../../../api/app-spec.ts'
import type { LiveApp } from '../../../api/spaces.ts'
import type { Change, Queries, Within } from '../../kernel/database.ts'
import type { Migration } from '../../kernel/migrations.ts'
import type { Meter } from './meter.ts'

export interface SpaceRow {
  name: string
  /** Never used again: secrets of a later space of the same name are other ones. */
  id: string
  environment: string
  owner: string
  created_at: Date
  expires_at: Date
  /** For how long use makes it last. */
  term_hours: number
  banner: boolean
  branch: { name: string; repository: string } | null
  /** Host of the webhook; its address is in the vault. */
  webhook: string | null
  /** From then on it is to be told, as soon as everything is live; null: nothing is owed. */
  webhook_due: Date | null
  webhook_tries: number
  /** The last that was given out, to whichever of its apps. */
  revision: number
  removing: boolean
  /** It is in a place of its own, where the engine has such, and its apps have databases of their own. */
  apart: boolean
}

/** What should be of an app in a space. `removing`: nothing, and then not even the row. */
export type Wanted = 'running' | 'asleep' | 'stopped' | 'removing'

export interface Report {
  phase: 'starting' | 'live' | 'failed'
  message: string
  hint: string | null
  lastLines: string[]
}

export interface ScaledByHand {
  count: number
  by: string
  at: string
  reason: string | null
}

/** What was delivered; the same until the next delivery or change of config. */
export interface Content {
  artifact: string
  run: RunSpec
  /** Of everything that runs here when it is awake. */
  counts: Record<string, number>
  /** Processes beside `web` that were asked for, and whether crons were. */
  with_processes: string[]
  with_crons: boolean
  /** Counts that somebody set by hand, by process; they win until cleared, through deliveries too. */
  scaled: Record<string, ScaledByHand>
  live: LiveApp | null
  /** The copy has a database for itself, as far as it needs one; else it uses the environment's. */
  own_database: boolean
  /** What that is filled from; null: it begins empty. */
  dump: string | null
  origin: Origin
  /** The tree that it was built from. */
  tree: string
  path: string
  context: string
  plain: Record<string, string>
  /** Key to version, of the environment's. */
  secrets: Record<string, number>
  /** Key to version, of what the space has for itself. */
  overrides: Record<string, number>
}

export interface SpaceAppRow extends Content {
  space: string
  app: string
  environment: string
  by: string
  delivered_at: Date
  revision: number
  wanted: Wanted
  /** Since when it is, or was last, awake. */
  awake_at: Date
  /** The release command of this revision: `owed` until it has succeeded. */
  command: 'none' | 'owed' | 'done' | 'failed'
  generation: number
  /** The newest generation that the engine was seen to have taken over. */
  seen: number
  report: Report
  attached_by: string | null
  attached_until: Date | null
  swap_by: string | null
  swap_since: Date | null
  swap_until: Date | null
  asked_at: Date | null
  meter: Meter
  version: number
}

export interface InvitationRow {
  id: string
  space: string
  for: string
  by: string
  created_at: Date
  expires_at: Date
  revoked_by: string | null
}

export interface OverrideRow {
  space: string
  app: string
  key: string
  /** Null: a secret, in the vault. */
  value: string | null
  version: number
  /** It goes with the file of the working copy that says it; what somebody set stays. */
  from_file: boolean
  by: string
  at: Date
}

type Own = {
  spaces: SpaceRow
  space_apps: SpaceAppRow
  space_invitations: InvitationRow
  space_config: OverrideRow
}

export const migrations: Migration[] = [
  {
    name: 'spaces/001-create',
    sql: `
      create table spaces (
        name text primary key,
        id text not null unique,
        environment text not null,
        owner text not null,
        created_at timestamptz not null,
        expires_at timestamptz not null,
        term_hours integer not null,
        banner boolean not null,
        branch jsonb,
        webhook text,
        webhook_due timestamptz,
        webhook_tries integer not null,
        revision integer not null,
        removing boolean not null
      );
      create index spaces_by_owner on spaces (owner);
      create table space_apps (
        space text not null references spaces,
        app text not null,
        environment text not null,
        artifact text not null, run jsonb not null, counts jsonb not null,
        with_processes jsonb not null, with_crons boolean not null,
        live jsonb,
        origin jsonb not null, tree text not null, path text not null, context text not null,
        plain jsonb not null, secrets jsonb not null,
        by text not null, delivered_at timestamptz not null,
        revision integer not null,
        wanted text not null check (wanted in ('running', 'asleep', 'stopped', 'removing')),
        awake_at timestamptz not null,
        command text not null check (command in ('none', 'owed', 'done', 'failed')),
        generation integer not null,
        seen integer not null,
        report jsonb not null,
        attached_by text, attached_until timestamptz,
        swap_by text, swap_since timestamptz, swap_until timestamptz,
        asked_at timestamptz,
        meter jsonb not null,
        version integer not null,
        primary key (space, app)
      );
      create index space_apps_by_app on space_apps (app, environment);
      create unique index one_swap on space_apps (app, environment) where swap_until is not null;
      create table space_invitations (
        id text primary key,
        space text not null references spaces on delete cascade,
        "for" text not null,
        by text not null,
        created_at timestamptz not null,
        expires_at timestamptz not null,
        revoked_by text
      );
      create index space_invitations_by_space on space_invitations (space, created_at);
      create table space_config (
        space text not null references spaces on delete cascade,
        app text not null,
        key text not null,
        value text,
        version integer not null,
        by text not null,
        at timestamptz not null,
        primary key (space, app, key)
      );
    `,
  },
  {
    name: 'spaces/002-from-file',
    sql: `
      alter table space_config add column from_file boolean not null default false;
      alter table space_apps add column overrides jsonb not null default '{}';
    `,
  },
  {
    name: 'spaces/003-own-databases',
    sql: 'alter table space_apps add column own_database boolean not null default false, add column dump text',
  },
  { name: 'spaces/004-full', sql: 'alter table spaces add column apart boolean not null default false' },
  {
    name: 'spaces/005-scaled',
    sql: `alter table space_apps add column scaled jsonb not null default '{}'`,
  },
]

const tables = (db: Queries | Within) => (db as Queries).withTables<Own>()
const json = <T>(value: T) => (value === null ? null : sql<T>`${JSON.stringify(value)}::jsonb`)

const JSON_COLUMNS = [
  'run',
  'counts',
  'with_processes',
  'scaled',
  'live',
  'origin',
  'plain',
  'secrets',
  'overrides',
  'report',
  'meter',
  'branch',
] as const

/** Values as they are written: JSON columns as such. */
function written<Row extends object>(row: Row): never {
  const entries = Object.entries(row).map(([key, value]) =>
    (JSON_COLUMNS as readonly string[]).includes(key) ? [key, json(value)] : [key, value],
  )
  return Object.fromEntries(entries) as never
}

export async function findSpace(db: Queries | Within, name: string): Promise<SpaceRow | null> {
  return (
    (await tables(db).selectFrom('spaces').selectAll().where('name', '=', name).executeTakeFirst()) ?? null
  )
}

/** The same, locked until the change ends. Whoever locks both locks the space before its apps. */
export async function lockSpace(db: Within, name: string): Promise<SpaceRow | null> {
  const query = tables(db).selectFrom('spaces').selectAll().where('name', '=', name).forUpdate()
  return (await query.executeTakeFirst()) ?? null
}

/** Newest first. */
export function listSpaces(
  db: Queries | Within,
  filter: { environment?: string | undefined; owner?: string | undefined } = {},
): Promise<SpaceRow[]> {
  let query = tables(db).selectFrom('spaces').selectAll().orderBy('created_at', 'desc').orderBy('name')
  if (filter.environment !== undefined) query = query.where('environment', '=', filter.environment)
  if (filter.owner !== undefined) query = query.where('owner', '=', filter.owner)
  return query.execute()
}

/** Whoever makes spaces, or puts apps into theirs, takes turns: quotas are counted. */
export async function lockOwner(db: Within, owner: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`spaces of ${owner}`}, 0))`.execute(db)
}

export async function insertSpace(db: Within, row: SpaceRow): Promise<void> {
  await tables(db).insertInto('spaces').values(written(row)).execute()
}

export async function updateSpace(db: Within, name: string, set: Partial<SpaceRow>): Promise<void> {
  await tables(db).updateTable('spaces').set(written(set)).where('name', '=', name).execute()
}

export async function deleteSpace(db: Within, name: string): Promise<void> {
  await tables(db).deleteFrom('spaces').where('name', '=', name).execute()
}

/** The next revision of a space that is locked. */
export async function nextRevision(change: Change, space: SpaceRow): Promise<number> {
  space.revision += 1
  await updateSpace(change.db, space.name, { revision: space.revision })
  return space.revision
}

export interface AppFilter {
  space?: string | undefined
  app?: string | undefined
  environment?: string | undefined
}

export function listApps(db: Queries | Within, filter: AppFilter = {}): Promise<SpaceAppRow[]> {
  let query = tables(db).selectFrom('space_apps').selectAll().orderBy('space').orderBy('app')
  if (filter.space !== undefined) query = query.where('space', '=', filter.space)
  if (filter.app !== undefined) query = query.where('app', '=', filter.app)
  if (filter.environment !== undefined) query = query.where('environment', '=', filter.environment)
  return query.execute()
}

/** The same, locked until the change ends, in one order for all. */
export function lockApps(db: Within, filter: AppFilter): Promise<SpaceAppRow[]> {
  let query = tables(db).selectFrom('space_apps').selectAll().orderBy('space').orderBy('app').forUpdate()
  if (filter.space !== undefined) query = query.where('space', '=', filter.space)
  if (filter.app !== undefined) query = query.where('app', '=', filter.app)
  if (filter.environment !== undefined) query = query.where('environment', '=', filter.environment)
  return query.execute()
}

export async function findApp(db: Queries | Within, space: string, app: string): Promise<SpaceAppRow | null> {
  const [row] = await listApps(db, { space, app })
  return row ?? null
}

/** Makes the row, or replaces what it says. */
export async function putApp(db: Within, row: SpaceAppRow): Promise<void> {
  await tables(db)
    .insertInto('space_apps')
    .values(written(row))
    .onConflict((conflict) => conflict.columns(['space', 'app']).doUpdateSet(written(row)))
    .execute()
}

/** Compare-and-swap: false where someone else changed the row since it was read. */
export async function updateApp(db: Within, row: SpaceAppRow, set: Partial<SpaceAppRow>): Promise<boolean> {
  const { numUpdatedRows } = await tables(db)
    .updateTable('space_apps')
    .set(written({ ...set, version: row.version + 1 }))
    .where('space', '=', row.space)
    .where('app', '=', row.app)
    .where('version', '=', row.version)
    .executeTakeFirst()
  return numUpdatedRows === 1n
}

/** The same. */
export async function deleteApp(db: Within, row: SpaceAppRow): Promise<boolean> {
  const { numDeletedRows } = await tables(db)
    .deleteFrom('space_apps')
    .where('space', '=', row.space)
    .where('app', '=', row.app)
    .where('version', '=', row.version)
    .executeTakeFirst()
  return numDeletedRows === 1n
}

export function listInvitations(db: Queries | Within, space: string): Promise<InvitationRow[]> {
  return tables(db)
    .selectFrom('space_invitations')
    .selectAll()
    .where('space', '=', space)
    .orderBy('created_at')
    .orderBy('id')
    .execute()
}

export async function insertInvitation(db: Within, row: InvitationRow): Promise<void> {
  await tables(db).insertInto('space_invitations').values(row).execute()
}

export async function revokeInvitation(db: Within, id: string, by: string): Promise<void> {
  await tables(db).updateTable('space_invitations').set({ revoked_by: by }).where('id', '=', id).execute()
}

export function listOverrides(db: Queries | Within, space: string, app?: string): Promise<OverrideRow[]> {
  let query = tables(db).selectFrom('space_config').selectAll().where('space', '=', space).orderBy('key')
  if (app !== undefined) query = query.where('app', '=', app)
  return query.execute()
}

export async function putOverride(db: Within, row: OverrideRow): Promise<void> {
  await tables(db)
    .insertInto('space_config')
    .values(row)
    .onConflict((conflict) => conflict.columns(['space', 'app', 'key']).doUpdateSet(row))
    .execute()
}

export async function deleteOverride(
  db: Within,
  row: Pick<OverrideRow, 'space' | 'app' | 'key'>,
): Promise<void> {
  await tables(db)
    .deleteFrom('space_config')
    .where('space', '=', row.space)
    .where('app', '=', row.app)
    .where('key', '=', row.key)
    .execute()
}
