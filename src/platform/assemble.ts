/**
 * Puts the features together: who stands before whom, and what goes the other way as a plain function. It names no
 * concrete engine, builder or database server, and reads no environment; main.ts and tests hand those in.
 */
import { join } from 'node:path'
import type { Contract } from '../api/contract.ts'
import { TowError } from '../api/errors.ts'
import type { Builder } from '../builders/builder.ts'
import type { Engine, EngineBinding } from '../engines/engine.ts'
import type { BlobStore } from '../trees/blob-store.ts'
import { createEngines } from './engine-of.ts'
import { createAccess } from './features/access/index.ts'
import { createApps } from './features/apps/index.ts'
import { createBackups } from './features/backups/index.ts'
import { type BuildsOptions, createBuilds } from './features/builds/index.ts'
import { createConfig } from './features/config/index.ts'
import { createContent } from './features/content/index.ts'
import { createDelivery } from './features/delivery/index.ts'
import { createDomains } from './features/domains/index.ts'
import { createDrains } from './features/drains/index.ts'
import { createDrift } from './features/drift/index.ts'
import { createEnvironments } from './features/environments/index.ts'
import { createEvents } from './features/events/index.ts'
import { createGit } from './features/git/index.ts'
import { countsOf } from './features/manifests/index.ts'
import { createNeeds, type PostgresForApps } from './features/needs/index.ts'
import { createPipelines } from './features/pipelines/index.ts'
import { createProcesses } from './features/processes/index.ts'
import { createReleases } from './features/releases/index.ts'
import { createRollouts } from './features/rollouts/index.ts'
import { createShips } from './features/ships/index.ts'
import { createSignIn, type SignInOptions } from './features/sign-in/index.ts'
import { createSpaces } from './features/spaces/index.ts'
import { createSystem, type SystemOptions } from './features/system/index.ts'
import { createWhy } from './features/why/index.ts'
import { PLATFORM } from './kernel/actor.ts'
import type { BackupPart } from './kernel/backup.ts'
import type { Clock } from './kernel/clock.ts'
import type { Database, Queries, Within } from './kernel/database.ts'
import { databasePart } from './kernel/dump.ts'
import type { Feature } from './kernel/feature.ts'
import type { Log } from './kernel/log.ts'
import { kernelMigrations, type Migration } from './kernel/migrations.ts'
import { operations } from './kernel/operations.ts'
import { createAuthorize } from './objects.ts'
import { shipPorts } from './ship-ports.ts'

export interface PlatformOptions {
  home: string
  version: string
  /** Login name of whoever started the platform. */
  person: string
  database: Database
  clock: Clock
  log: Log
  blobs: BlobStore
  /** By kind. */
  engines: Readonly<Record<string, Engine>>
  /** Kinds of which every environment has an engine of its own. */
  bindings?: Readonly<Record<string, () => Promise<EngineBinding>>>
  builders: readonly Builder[]
  /** The PostgreSQL that runs for apps on an engine of this kind; null where there is none. */
  postgresFor: (engineKind: string) => Promise<PostgresForApps | null>
  /** Folders in which programs are looked for. */
  toolPath: string
  signIn?: Pick<SignInOptions, 'passwordCost'>
  /** The folder of the built console; without it there is none. */
  consoleFolder?: () => Promise<string>
  /** Addresses that a name leads to; none where it leads nowhere. */
  resolve: (name: string) => Promise<string[]>
  build: Pick<BuildsOptions, 'digestLayer' | 'endProcess'>
  /** What a backup holds beside what features keep. */
  backup: readonly BackupPart[]
  system: Pick<SystemOptions, 'parts' | 'checks' | 'whatStops' | 'stop'>
}

/** Puts everything together; the database is not touched, and nothing runs. */
export async function assemble(options: PlatformOptions) {
  const { home, database, clock, log, blobs, builders } = options
  const { db } = database
  const onError = (error: unknown) => log.error('work in the background failed, and is tried again', error)

  const engines = createEngines({
    engines: options.engines,
    bindings: options.bindings ?? {},
    environment: (name) => environments.get(db, name),
    platformId: () => environments.platformId(),
  })
  /** The engine of an environment, by the environment's name. */
  const engineOf: (environment: string) => Promise<Engine> = engines.of

  const access = await createAccess({
    ...{ home, person: options.person, database, clock },
    requireEnvironment: (queries, name) => environments.get(queries, name),
    appsOf: (queries) => apps.list(queries),
    principalOfSession: (secret) => signIn.principalOfSession(secret),
    onRevoked: (change, principal) => signIn.onRevoked(change, principal),
  })
  const signIn = createSignIn({
    ...{ database, clock, access, onError, ...options.signIn },
    landing: options.consoleFolder ? '/' : '/sign-in',
  })
  const content = createContent({
    database,
    blobs,
    clock,
    onError,
    async roots() {
      const all = await Promise.all([builds.roots(), ships.roots()])
      const { trees: inSpaces } = await spaces.roots()
      return {
        trees: [...all.flatMap(({ trees }) => [...trees]), ...inSpaces],
        blobs: all.flatMap((one) => [...one.blobs]),
      }
    },
  })
  const environments = createEnvironments({
    database,
    clock,
    engineKinds: engines.kinds,
    engines: engineOf,
    ...{ settle: engines.settle, lend: engines.lend, facts: engines.facts, probe: engines.probe },
    letGo: engines.letGo,
    probePostgres: async (url) => [await needs.servers.check(url)],
    async onAdded(change, environment, { postgres }) {
      if (postgres !== undefined) await needs.servers.add(change, environment, postgres)
    },
    appsIn: (queries, environment) => rollouts.appsIn(queries, environment),
    async asking(queries, environment) {
      const [wanted, runs, copies] = await Promise.all([
        rollouts.overview(queries, { environment }),
        releases.liveRuns(queries, environment),
        spaces.asking(queries, environment),
      ])
      const counts = new Map(wanted.map((one) => [one.app, one.counts]))
      return [
        ...runs.map(({ app, run }) => ({ processes: run.processes, counts: counts.get(app) ?? {} })),
        ...copies,
      ]
    },
    leaving: (queries, environment) => rollouts.leaving(queries, environment),
    async onRemoved(change, environment) {
      await config.forget(change, { environment })
      await needs.keep(change, { environment })
      await needs.servers.forget(change, environment)
      await drains.forgetEnvironment(change, environment)
      await domains.forget(change, { environment })
      await spaces.forgetEnvironment(change, environment)
      await access.forget(change, environment)
    },
  })
  const order = async (queries: Queries | Within) =>
    (await environments.list(queries)).map(({ name }) => name)
  const apps = createApps({
    database,
    clock,
    access,
    engines: engineOf,
    order,
    wanted: (queries, filter) => rollouts.overview(queries, filter),
    newer: (queries, lags) => releases.newer(queries, lags),
    async stop(change, app, by) {
      await domains.forget(change, { app })
      const stopped = await rollouts.remove(change, app, by)
      await releases.forget(change, app)
      const keptDatabases = await needs.keep(change, { app })
      await config.forget(change, { app })
      await spaces.forgetApp(change, app)
      return { environments: stopped, keptDatabases }
    },
  })
  const config = createConfig({
    database,
    clock,
    keysFolder: join(home, 'keys'),
    environments,
    apps,
    async runSpecOf(queries, app, environment) {
      const number = await rollouts.intended(queries, app, environment)
      return number === null ? null : (await releases.get(queries, app, environment, number)).run
    },
    async onChanged(change, changed) {
      await spaces.configChanged(change, changed)
      return rollouts.configChanged(change, changed)
    },
  })
  const needs = createNeeds({
    database,
    clock,
    config,
    appNames: (queries) => apps.names(queries),
    async stillNeedsPostgres(queries, app, environment) {
      const number = await rollouts.intended(queries, app, environment)
      if (number === null) return false
      return (await releases.get(queries, app, environment, number)).run.needs.includes('postgres')
    },
    engines: engineOf,
    postgresFor: async (environment) => options.postgresFor((await environments.get(db, environment)).engine),
    dumpsFolder: join(home, 'dumps'),
    toolPath: options.toolPath,
    onError,
  })
  const builds = createBuilds({
    database,
    content,
    clock,
    builders,
    onError,
    ...options.build,
    folder: join(home, 'builds'),
    artifactsInUse: async () => [...(await releases.artifactsInUse(db)), ...(await spaces.roots()).artifacts],
    async secrets(app, names) {
      const [first] = await environments.list(db)
      const environment = first?.name ?? ''
      const frozen = await database.change(PLATFORM, (change) =>
        config.snapshot(change, app, environment, {}),
      )
      const values = await config.resolve({ app, environment }, frozen)
      const wanted = Object.entries(values).filter(([name]) => names.includes(name))
      return { environment, values: Object.fromEntries(wanted) }
    },
  })
  const releases = createReleases({
    database,
    clock,
    live: (queries, app, environment) => rollouts.live(queries, app, environment),
    snapshot: config.snapshot,
    deliver: (change, delivery) => rollouts.deliver(change, delivery),
  })
  const rollouts = createRollouts({
    database,
    clock,
    releases,
    engines: engineOf,
    requireEnvironment: (queries, name) => environments.get(queries, name),
    snapshot: config.snapshot,
    refusedNeeds: (queries, app, environment, wanted, together) =>
      needs.check(queries, app, environment, wanted, together),
    injectedNames: (wanted) => needs.injectedNames(wanted),
    config: ({ app, environment, plain, secrets }) =>
      config.resolve({ app, environment }, { plain, secrets }),
    needs: ({ app, environment, run }) => needs.ensure(app, environment, run.needs),
    onError,
  })
  const processes = createProcesses({
    ...{ database, clock, engines: engineOf, releases, rollouts, onError },
    spaces: {
      copy: (...of) => spaces.copy(...of),
      environmentOf: async (queries, name) => (await spaces.ownedAs(queries, name, 'required')).environment,
      jobSet: (...of) => spaces.jobSet(...of),
      restart: (...of) => spaces.restart(...of),
      scale: (...of) => spaces.scale(...of),
    },
  })
  const delivery = createDelivery({ database, clock, releases, order })
  const drains = createDrains({
    database,
    clock,
    vault: config.vault,
    requireEnvironment: (queries, name) => environments.get(queries, name),
    sourcesIn: async (queries, environment) => [
      ...(await rollouts.appsIn(queries, environment)).map((app) => ({ app })),
      ...(await spaces.copiesIn(queries, environment)),
    ],
    engines: engineOf,
    onError,
  })
  const drift = createDrift({
    ...{ database, clock, onError },
    compare: (app, environment) => processes.compare({ app, environment }),
    async places(queries, filter = {}) {
      const all = await rollouts.overview(queries, filter)
      const serving = all.filter(({ live }) => live !== null)
      return serving.map(({ app, environment, generation, rolling }) => {
        return { app, environment, generation, isMoving: rolling !== null }
      })
    },
  })
  const domains = createDomains({
    ...{ database, clock, rollouts, engines: engineOf, resolve: options.resolve, onError },
  })
  const pipelines = createPipelines({
    database,
    engines: engineOf,
    order,
    releases,
    rollouts,
    async countsFor(queries, { app, content, run }, environment) {
      const declaration = await builds.declarationOf(queries, app, content.digest)
      return declaration && countsOf(declaration, run, environment)
    },
  })
  const ships = createShips({
    database,
    content,
    builds,
    clock,
    ports: shipPorts({
      ...{ environments, apps, rollouts, engines: engineOf },
      spaces: {
        get deliver() {
          return spaces.deliver
        },
        ownedAs: (...of) => spaces.ownedAs(...of),
        progress: (...of) => spaces.progress(...of),
      },
    }),
    onError,
  })
  const spaces = createSpaces({
    ...{ database, clock, access, vault: config.vault, engines: engineOf, onError },
    appsIn: (queries, environment) => rollouts.appsIn(queries, environment),
    kindOf: async (queries, principal) => (await access.principalNamed(queries, principal))?.kind ?? null,
    present: config.present,
    resolve: config.resolve,
    ownerOf: apps.ownerOf,
    injectedNames: (wanted) => needs.injectedNames(wanted),
    refusedNeeds: (queries, app, environment, wanted, together) =>
      needs.check(queries, app, environment, wanted, together),
    needs: (app, environment, wanted, own) => needs.ensure(app, environment, wanted, own),
    dropDatabase: (of) => needs.discard(of),
    dump: (queries, name) => needs.dumps.find(queries, name),
    async source(app, digest) {
      const source = await ships.source(app, null, digest)
      return (
        source && { tree: source.tree, path: source.declaration.path, context: source.declaration.context }
      )
    },
    artifact: (queries, digest) => builds.artifact(queries, digest),
    async below(queries, app, environment) {
      const number = await rollouts.live(queries, app, environment)
      return number === null ? null : releases.find(queries, app, environment, number)
    },
    tree: (hash) => content.tree(hash),
    isShipping: (space) => ships.isInto(space),
  })
  const git = createGit({
    database,
    folder: join(home, 'git'),
    content,
    ships,
    async environment() {
      const [first] = await environments.list(db)
      if (!first)
        throw new TowError('REFUSED', 'there is no environment to ship to', { hint: 'tow env add stage' })
      return first.name
    },
    async serving(app, environment) {
      const live = await rollouts.live(db, app, environment)
      if (live === null || (await rollouts.intended(db, app, environment)) !== live) return null
      return (await releases.get(db, app, environment, live)).artifact
    },
    async mayShip(actor, names, environment) {
      const touched = names.map(async (app) => ({ app, environment, owner: await apps.ownerOf(db, app) }))
      access.require(actor, 'app:change', await Promise.all(touched))
    },
    branchGone: (actor, repository, branch) =>
      database.change(actor, async (change) => void (await spaces.branchGone(change, repository, branch))),
    onError: (error) => log.error('a push met an error', error),
  })
  const backups = createBackups({
    database,
    clock,
    version: options.version,
    parts: () => parts,
    onError: (error) => log.error('a backup broke off', error),
  })
  const events = createEvents({ database })
  const why = createWhy({ database, engines: engineOf, apps, order, releases, rollouts, domains })
  const system = createSystem({
    database,
    clock,
    version: options.version,
    home,
    tokenFile: access.tokenFile,
    async counts() {
      const [names, activeRollouts, newest] = await Promise.all([
        apps.names(db),
        rollouts.list(db, { active: true, limit: 500 }),
        builds.list(undefined, 100),
      ])
      const activeBuilds = newest.filter(({ state }) => state === 'queued' || state === 'running')
      return { apps: names.length, activeRollouts: activeRollouts.length, activeBuilds: activeBuilds.length }
    },
    ...options.system,
    checks: [
      async () => engines.check(await environments.list(db)),
      async () => [await config.vault.check(db)],
      async () => [await content.check()],
      () => spaces.check(),
      async () => domains.check(),
      ...options.system.checks,
    ],
  })

  // Every operation of the contract, or this does not type-check.
  const router = operations.router({
    access: access.routes.access,
    people: access.routes.people,
    teams: access.routes.teams,
    tokens: access.routes.tokens,
    apps: { ...apps.routes.apps, detect: ships.routes.apps.detect },
    builds: builds.routes.builds,
    config: config.routes.config,
    delivery: delivery.routes.delivery,
    domains: domains.routes.domains,
    drains: drains.routes.drains,
    dumps: needs.routes.dumps,
    drift: drift.routes.drift,
    environments: environments.routes.environments,
    events: { ...events.routes.events, why: why.routes.events.why },
    git: git.routes.git,
    needs: needs.routes.needs,
    pipelines: pipelines.routes.pipelines,
    processes: processes.routes.processes,
    releases: releases.routes.releases,
    rollouts: rollouts.routes.rollouts,
    ships: ships.routes.ships,
    signIn: signIn.routes.signIn,
    spaces: spaces.routes.spaces,
    system: system.routes.system,
    trees: content.routes.trees,
  } satisfies Record<keyof Contract, unknown>)

  const features: Feature[] = [
    content,
    access,
    signIn,
    environments,
    apps,
    config,
    needs,
    builds,
    releases,
    rollouts,
    processes,
    delivery,
    domains,
    drains,
    drift,
    pipelines,
    ships,
    spaces,
    git,
    backups,
    events,
    why,
    system,
  ]
  const migrations: Migration[] = [...kernelMigrations, ...features.flatMap((feature) => feature.migrations)]
  /** The database last: whatever it knows of in its snapshot is there, and it comes back when all else has. */
  const parts: BackupPart[] = [
    ...features.flatMap(({ backup }) => backup ?? []),
    ...options.backup,
    databasePart(db, migrations),
  ]
  const authorize = createAuthorize({
    ...{ db, access, apps, environments, config, needs, builds, processes, rollouts, ships, spaces },
  })
  async function isSignedIn(session: string | undefined): Promise<boolean> {
    return session !== undefined && (await signIn.principalOfSession(session)) !== null
  }
  return { router, features, engines, access, authorize, isSignedIn, content, migrations, parts, onError }
}
