import { sql } from 'kysely'
import type { Artifact, Layer, Origin } from '../../../api/app-spec.ts'
import type { Build } from '../../../api/builds.ts'
import type { BuildPlan } from '../../../builders/builder.ts'
import type { Queries, Within } from '../../kernel/database.ts'
import type { Migration } from '../../kernel/migrations.ts'
import type { AppDeclaration } from '../manifests/index.ts'

type Steps = Build['steps']
type BuildError = NonNullable<Build['error']>

export interface BuildRow {
  id: string
  app: string
  state: Build['state']
  tree: string
  declaration: AppDeclaration
  origin: Origin
  requested_by: string
  rebuild: boolean
  because: string | null
  steps: Steps
  inputs: string | null
  /** What its keys were made of, beside the source; null before it has succeeded, and of earlier versions. */
  parts: BuildPlan['parts'] | null
  artifact: string | null
  reused: boolean
  error: BuildError | null
  /** True where it ended because the platform did. */
  interrupted: boolean
  /** Who asked for its end while it ran. */
  cancelled_by: string | null
  created_at: Date
  started_at: Date | null
  ended_at: Date | null
}

interface ArtifactRow {
  digest: string
  app: string
  content: Artifact
  created_at: Date
}

/** JSON columns are written as text and read as values. */
type Written<Row> = { [K in keyof Row]: Row[K] }

type Own = {
  builds: Written<BuildRow> & { position: number }
  artifacts: ArtifactRow
  build_results: { inputs: string; artifact: string; build: string; at: Date }
  dependency_layers: { key: string; tree: string; used_at: Date }
  layer_digests: { tree: string; diff_id: string; digest: string; size: number }
}

export const migrations: Migration[] = [
  {
    name: 'builds/001-builds',
    sql: `
      create table builds (
        id text primary key,
        position bigint generated always as identity,
        app text not null,
        state text not null,
        tree text not null,
        declaration jsonb not null,
        origin jsonb not null,
        requested_by text not null,
        rebuild boolean not null,
        because text,
        steps jsonb not null default '[]',
        inputs text,
        artifact text,
        reused boolean not null default false,
        error jsonb,
        interrupted boolean not null default false,
        cancelled_by text,
        created_at timestamptz not null,
        started_at timestamptz,
        ended_at timestamptz
      );
      create index builds_by_app on builds (app, position);
      create index builds_open on builds (position) where state in ('queued', 'running');
      create table artifacts (
        digest text primary key,
        app text not null,
        content jsonb not null,
        created_at timestamptz not null
      );
      create table build_results (
        inputs text primary key,
        artifact text not null references artifacts on delete cascade,
        build text not null,
        at timestamptz not null
      );
      create table dependency_layers (key text primary key, tree text not null, used_at timestamptz not null);
      create table layer_digests (
        tree text primary key, diff_id text not null, digest text not null, size bigint not null
      );
    `,
  },
  { name: 'builds/002-parts', sql: 'alter table builds add column parts jsonb;' },
]

const tables = (db: Queries | Within) => db.withTables<Own>()
const json = <T>(value: T) => sql<T>`${JSON.stringify(value)}::jsonb`

export type NewBuild = Pick<
  BuildRow,
  'id' | 'app' | 'tree' | 'declaration' | 'origin' | 'requested_by' | 'rebuild' | 'created_at'
>

export async function insertBuild(db: Within, build: NewBuild): Promise<void> {
  await tables(db)
    .insertInto('builds')
    .values({
      ...build,
      state: 'queued',
      declaration: json(build.declaration),
      origin: json(build.origin),
    } as never)
    .execute()
}

export async function findBuild(db: Queries | Within, id: string): Promise<BuildRow | null> {
  return (await tables(db).selectFrom('builds').selectAll().where('id', '=', id).executeTakeFirst()) ?? null
}

/** The newest of the app that has succeeded. */
export async function lastSucceeded(db: Queries, app: string): Promise<BuildRow | null> {
  const row = await tables(db)
    .selectFrom('builds')
    .selectAll()
    .where('app', '=', app)
    .where('state', '=', 'succeeded')
    .orderBy('position', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row ?? null
}

/** What the app declared when the artifact was last built for it. */
export async function findDeclaration(
  db: Queries | Within,
  app: string,
  artifact: string,
): Promise<AppDeclaration | null> {
  const row = await tables(db)
    .selectFrom('builds')
    .select('declaration')
    .where('app', '=', app)
    .where('artifact', '=', artifact)
    .orderBy('created_at', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row?.declaration ?? null
}

export async function findBuilds(db: Queries | Within, ids: readonly string[]): Promise<BuildRow[]> {
  if (ids.length === 0) return []
  return tables(db).selectFrom('builds').selectAll().where('id', 'in', ids).execute()
}

export async function listBuilds(db: Queries, app: string | undefined, limit: number): Promise<BuildRow[]> {
  let query = tables(db).selectFrom('builds').selectAll().orderBy('position', 'desc').limit(limit)
  if (app !== undefined) query = query.where('app', '=', app)
  return query.execute()
}

/** Builds that are queued or running, oldest first. */
export async function openBuilds(db: Queries): Promise<BuildRow[]> {
  return tables(db)
    .selectFrom('builds')
    .selectAll()
    .where('state', 'in', ['queued', 'running'])
    .orderBy('position')
    .execute()
}

type Settable = Partial<
  Pick<
    BuildRow,
    | 'state'
    | 'because'
    | 'steps'
    | 'inputs'
    | 'parts'
    | 'artifact'
    | 'reused'
    | 'error'
    | 'interrupted'
    | 'cancelled_by'
    | 'started_at'
    | 'ended_at'
  >
>

/** Changes the row if it is in one of the states; answers whether it was. */
export async function updateBuild(
  db: Queries | Within,
  id: string,
  from: Build['state'][],
  change: Settable,
): Promise<boolean> {
  const { steps, error, parts, ...plain } = change
  const result = await tables(db)
    .updateTable('builds')
    .set({
      ...plain,
      ...(steps !== undefined && { steps: json(steps) }),
      ...(parts !== undefined && { parts: json(parts) }),
      ...(error !== undefined && { error: error === null ? null : json(error) }),
    })
    .where('id', '=', id)
    .where('state', 'in', from)
    .executeTakeFirst()
  return result.numUpdatedRows > 0n
}

export async function insertArtifact(
  db: Within,
  {
    artifact,
    app,
    inputs,
    build,
    at,
  }: { artifact: Artifact; app: string; inputs: string; build: string; at: Date },
): Promise<void> {
  await tables(db)
    .insertInto('artifacts')
    .values({ digest: artifact.digest, app, content: json(artifact), created_at: at })
    .onConflict((conflict) => conflict.column('digest').doNothing())
    .execute()
  await tables(db)
    .insertInto('build_results')
    .values({ inputs, artifact: artifact.digest, build, at })
    .onConflict((conflict) => conflict.column('inputs').doUpdateSet({ artifact: artifact.digest, build, at }))
    .execute()
}

export async function findArtifact(db: Queries | Within, digest: string): Promise<Artifact | null> {
  const row = await tables(db)
    .selectFrom('artifacts')
    .select('content')
    .where('digest', '=', digest)
    .executeTakeFirst()
  return row?.content ?? null
}

/** The artifact that these inputs gave before. */
export async function findResult(
  db: Queries,
  inputs: string,
): Promise<{ artifact: Artifact; build: string } | null> {
  const row = await tables(db)
    .selectFrom('build_results')
    .innerJoin('artifacts', 'artifacts.digest', 'build_results.artifact')
    .select(['artifacts.content as artifact', 'build_results.build'])
    .where('inputs', '=', inputs)
    .executeTakeFirst()
  return row ?? null
}

/** Marks the dependency layer as used; answers with its tree. */
export async function useDependencies(db: Queries, key: string, now: Date): Promise<string | null> {
  const row = await tables(db)
    .updateTable('dependency_layers')
    .set({ used_at: now })
    .where('key', '=', key)
    .returning('tree')
    .executeTakeFirst()
  return row?.tree ?? null
}

/** The first one stands: two builds that made the same layer at once agree on one of them. Answers with its tree. */
export async function saveDependencies(db: Queries, key: string, tree: string, now: Date): Promise<void> {
  await tables(db)
    .insertInto('dependency_layers')
    .values({ key, tree, used_at: now })
    .onConflict((conflict) => conflict.column('key').doUpdateSet({ tree, used_at: now }))
    .execute()
}

export type LayerDigests = Pick<Layer, 'diffId' | 'digest' | 'size'>

export async function findLayerDigests(db: Queries, tree: string): Promise<LayerDigests | null> {
  const row = await tables(db)
    .selectFrom('layer_digests')
    .selectAll()
    .where('tree', '=', tree)
    .executeTakeFirst()
  return row ? { diffId: row.diff_id, digest: row.digest, size: row.size } : null
}

export async function saveLayerDigests(db: Queries, tree: string, layer: LayerDigests): Promise<void> {
  await tables(db)
    .insertInto('layer_digests')
    .values({ tree, diff_id: layer.diffId, digest: layer.digest, size: layer.size })
    .onConflict((conflict) => conflict.column('tree').doNothing())
    .execute()
}

/** Every build, newest first, with just what collection asks about. */
export function listAllBuilds(
  db: Queries,
): Promise<Pick<BuildRow, 'id' | 'app' | 'state' | 'artifact' | 'tree'>[]> {
  return tables(db)
    .selectFrom('builds')
    .select(['id', 'app', 'state', 'artifact', 'tree'])
    .orderBy('position', 'desc')
    .execute()
}

export async function forgetBuilds(db: Queries, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await tables(db).deleteFrom('builds').where('id', 'in', ids).execute()
}

/** Forgets all artifacts but these, unless a build that is still known refers to them. Answers with how many. */
export async function forgetArtifacts(db: Queries, keep: readonly string[]): Promise<number> {
  let query = tables(db)
    .deleteFrom('artifacts')
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('builds').select('id').whereRef('builds.artifact', '=', 'artifacts.digest'))),
    )
  if (keep.length > 0) query = query.where('digest', 'not in', keep)
  return Number((await query.executeTakeFirst()).numDeletedRows)
}

/** Forgets dependency layers that were not used since; answers with the keys that are left. */
export async function forgetDependencies(db: Queries, unusedBefore: Date): Promise<string[]> {
  await tables(db).deleteFrom('dependency_layers').where('used_at', '<', unusedBefore).execute()
  const left = await tables(db).selectFrom('dependency_layers').select('key').execute()
  return left.map((row) => row.key)
}

export async function listArtifacts(db: Queries): Promise<Artifact[]> {
  const rows = await tables(db).selectFrom('artifacts').select('content').execute()
  return rows.map((row) => row.content)
}

export async function listDependencyTrees(db: Queries): Promise<string[]> {
  const rows = await tables(db).selectFrom('dependency_layers').select('tree').execute()
  return rows.map((row) => row.tree)
}
