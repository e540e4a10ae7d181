/**
 * What is shipped into a space: the space is made where there is none, within what its owner may have, and an app takes
 * the place of what was there before under a new revision. No release is made, and no number of the environment used.
 */
import { randomBytes } from 'node:crypto'
import type { Artifact, Origin, RunSpec } from '../../../api/app-spec.ts'
import type { IntoSpace } from '../../../api/spaces.ts'
import { type Actor, PLATFORM } from '../../kernel/actor.ts'
import type { Change } from '../../kernel/database.ts'
import { newId } from '../../kernel/ids.ts'
import type { Access } from '../access/index.ts'
import { reservedReason } from '../config/index.ts'
import { applyFile, applyOverrides, dropGiven, versionsOf } from './config.ts'
import type { SpacesOptions } from './index.ts'
import { refusals, said } from './messages.ts'
import { emptyMeter, turn } from './meter.ts'
import {
  configBelow,
  countsOf,
  expiryAfter,
  hasDatabase,
  overlayCounts,
  QUOTAS,
  quotaProblem,
  setOf,
  TERM_HOURS,
} from './rules.ts'
import {
  findApp,
  insertSpace,
  listApps,
  listOverrides,
  listSpaces,
  lockApps,
  lockOwner,
  lockSpace,
  nextRevision,
  putApp,
  type SpaceAppRow,
  type SpaceRow,
  updateSpace,
} from './store.ts'
import { placeOf } from './tokens.ts'
import { readWebhook } from './webhook.ts'

export interface IntoRequest extends IntoSpace {
  environment: string
  apps: readonly string[]
  /** How many of them would get a database that have none yet, where that is known. */
  databases?: number | undefined
  /** It is made with a place of its own; refused where it is there without. */
  full?: boolean | undefined
}

/** What of it is remembered until the apps are built. */
export type Into = Pick<IntoSpace, 'name' | 'with' | 'crons' | 'release' | 'live'> & {
  ownDatabases?: boolean | undefined
}

export interface SpaceDelivery {
  app: string
  environment: string
  content: Artifact
  run: RunSpec
  origin: Origin
  by: string
  into: Into
  tree: string
  path: string
  context: string
  /** What its database is filled from. */
  dump?: string | undefined
}

export interface Refusal {
  message: string
  hint?: string | undefined
}

const KEY_BYTES = 32
const DATABASE = 'DATABASE_URL'
const newSecret = () => randomBytes(KEY_BYTES).toString('base64url')

export function createDeliver(options: SpacesOptions & { access: Pick<Access, 'require'> }) {
  const { clock, vault } = options
  const now = () => clock.now()

  /** Counts what whoever owns it has; refused where it would be too much. */
  async function requireQuota(
    change: Change,
    actor: Actor,
    space: SpaceRow | null,
    request: Pick<IntoRequest, 'name' | 'apps' | 'ownDatabases' | 'databases'>,
  ): Promise<void> {
    const owner = space?.owner ?? actor.name
    const mine = (await listSpaces(change.db, { owner })).filter(({ removing }) => !removing)
    const all = (await listApps(change.db)).filter((row) => mine.some(({ name }) => name === row.space))
    const there = all.filter((row) => row.space === request.name && row.wanted !== 'removing')
    const more = request.apps.filter((app) => !there.some((row) => row.app === app)).length
    // What needs a database is known once it is built: until then each app may be one that does.
    const haveOne = there.filter(({ own_database }) => own_database)
    const databases =
      request.databases ?? request.apps.filter((app) => !haveOne.some((row) => row.app === app)).length
    const standing = all.filter(({ wanted }) => wanted !== 'removing')
    const kind = (await options.kindOf(change.db, owner)) ?? 'person'
    const problem = quotaProblem(
      kind,
      { spaces: mine.length, apps: standing.length, databases: standing.filter(hasDatabase).length },
      { spaces: space ? 0 : 1, apps: more, databases: request.ownDatabases ? databases : 0 },
    )
    if (!problem) return
    const mend = `tow spaces remove ${mine.at(-1)?.name ?? request.name}`
    throw refusals.quota(owner, problem.what, QUOTAS[kind][problem.what], mend)
  }

  async function make(change: Change, actor: Actor, request: IntoRequest): Promise<SpaceRow> {
    const { name, environment, expiresInHours: hours = TERM_HOURS } = request
    const space: SpaceRow = {
      ...{ name, id: newId('p'), environment, owner: actor.name, created_at: now() },
      ...{ expires_at: expiryAfter(now().getTime(), hours), term_hours: hours },
      ...{ banner: request.banner ?? true, branch: request.branch ?? null },
      ...{ webhook: null, webhook_due: null, webhook_tries: 0, revision: 0, removing: false },
      apart: request.full === true,
    }
    await insertSpace(change.db, space)
    await vault.keep(change.db, placeOf(space, 'door'), newSecret())
    change.event({
      kind: 'space.created',
      environment,
      message: said.created(name, actor.name, environment, space.apart),
      facts: { space: name, expiresAt: space.expires_at.toISOString() },
    })
    return space
  }

  /**
   * The space, made or changed as it is asked for, before anything is built. What only the end of the delivery needs is
   * answered, and holds no secret.
   */
  async function prepare(change: Change, actor: Actor, request: IntoRequest): Promise<Into> {
    const { name, environment } = request
    await lockOwner(change.db, actor.name)
    const known = await lockSpace(change.db, name)
    if (known) {
      const space = { name, person: known.owner }
      options.access.require(actor, 'app:change', [{ app: null, owner: null, environment, space }])
      if (known.environment !== environment) throw refusals.elsewhere(name, known.environment, environment)
      if (known.removing) throw refusals.leaving(name)
      if (request.full && !known.apart) throw refusals.notFull(name)
      if (known.owner !== actor.name) await lockOwner(change.db, known.owner)
    }
    const ownDatabases = known?.apart || request.full || request.ownDatabases
    const touched = request.apps.map(async (app) => ({
      app,
      environment,
      owner: await options.ownerOf(change.db, app),
    }))
    options.access.require(actor, 'app:change', await Promise.all(touched))
    await requireQuota(change, actor, known, { ...request, ownDatabases })
    const space = known ?? (await make(change, actor, request))
    await adjust(change, space, request, known !== null)
    for (const [app, set] of Object.entries(request.config ?? {})) {
      await applyOverrides(change, { options, space, app, set, unset: [], by: actor.name })
    }
    for (const app of request.apps) {
      const values = request.fromFile?.[app]
      if (values) await applyFile(change, { options, space, app, values, by: actor.name })
    }
    const { with: processes, crons, release, live } = request
    return { name, with: processes, crons, release, ownDatabases, ...(live ? { live } : {}) }
  }

  /** What a delivery says beside its apps. */
  async function adjust(
    change: Change,
    space: SpaceRow,
    request: IntoRequest,
    isKnown: boolean,
  ): Promise<void> {
    const hours = request.expiresInHours ?? space.term_hours
    const expires = expiryAfter(now().getTime(), hours)
    const set: Partial<SpaceRow> = { term_hours: hours }
    if (request.expiresInHours !== undefined || expires > space.expires_at) set.expires_at = expires
    if (isKnown && request.banner !== undefined) set.banner = request.banner
    if (request.branch) set.branch = request.branch
    if (request.webhook !== undefined) {
      const { host } = readWebhook(request.webhook)
      await vault.forget(change.db, { app: '', environment: space.environment }, [
        placeOf(space, 'webhook').key,
      ])
      await vault.keep(change.db, placeOf(space, 'webhook'), request.webhook)
      Object.assign(set, { webhook: host })
    }
    if (request.webhook !== undefined || space.webhook !== null) {
      Object.assign(set, { webhook_due: now(), webhook_tries: 0 })
    }
    await updateSpace(change.db, space.name, set)
  }

  /** Today's config of the app below it, and every reason why the app can't run in the space. */
  async function look(
    change: Change,
    asked: Pick<SpaceDelivery, 'app' | 'environment' | 'run' | 'into'>,
    together: readonly string[],
  ): Promise<{ refusals: Refusal[]; below: ReturnType<typeof configBelow> }> {
    const { app, environment, run, into } = asked
    const injected = options.injectedNames(run.needs)
    const overrides = await listOverrides(change.db, into.name, app)
    const present = await options.present(change.db, { app, environment })
    const below = configBelow(
      run,
      present,
      injected,
      overrides.map(({ key }) => key),
    )
    const found: Refusal[] = below.missing.map((key) => {
      const { description, secret = false } = run.variables[key] ?? {}
      return refusals.missing(app, into.name, key, description, secret)
    })
    for (const { key, from_file } of overrides) {
      const reason = reservedReason(key, run.needs)
      if (reason && !from_file) found.push(refusals.reserved(key, reason))
    }
    found.push(...(await options.refusedNeeds(change.db, app, environment, run.needs, together)))
    const isByHand = DATABASE in below.plain || DATABASE in below.secrets
    if (into.ownDatabases && isByHand && overrides.every(({ key }) => key !== DATABASE))
      found.push(refusals.databaseByHand(app, into.name))
    const names = Object.keys(run.processes)
    // Before anything is built nobody knows what processes there are.
    if (names.length > 0) {
      const counts = overlayCounts(run, into.with)
      if (Object.values(counts).every((count) => count === 0)) found.push(refusals.webWorks(app, names))
      // Of several apps each takes what it has.
      if (together.length <= 1) {
        for (const name of into.with)
          if (!names.includes(name)) found.push(refusals.noSuchProcess(app, name, names))
      }
    }
    return { refusals: found, below }
  }

  /** Puts the app in the place of what was there. Answers with its revision. */
  async function place(
    change: Change,
    delivery: SpaceDelivery,
    together: readonly string[],
  ): Promise<number> {
    const { app, environment, content, run, origin, by, into, tree, path, context } = delivery
    const space = await lockSpace(change.db, into.name)
    if (!space) throw refusals.unknown(into.name, null)
    if (space.removing) throw refusals.leaving(into.name)
    const { below } = await look(change, delivery, together)
    const generated = below.generate.map((key) => [key, { value: newSecret(), secret: true }])
    await dropGiven(change, { options, space, app, by: PLATFORM.name, run })
    await applyOverrides(change, {
      ...{ options, space, app, unset: [], by: PLATFORM.name, run },
      set: Object.fromEntries(generated),
    })
    const [before] = await lockApps(change.db, { space: space.name, app })
    const at = now()
    const scaled = before?.scaled ?? {}
    const counts = countsOf({ run, with_processes: into.with, scaled })
    const revision = await nextRevision(change, space)
    const meter = turn(before?.meter ?? emptyMeter(at.getTime()), at.getTime(), run, counts)
    const isStill = before !== undefined && before.wanted !== 'removing' && before.own_database
    const own = {
      own_database: isStill || into.ownDatabases === true,
      dump: isStill ? before.dump : (delivery.dump ?? null),
    }
    // In a database of its own it changes nobody else's.
    const isCommandWanted = into.release || hasDatabase({ ...own, run })
    const starts = own.dump && !isStill ? said.fills(own.dump) : said.starts(named(counts))
    const row: SpaceAppRow = {
      ...(before ?? FRESH),
      ...{ space: space.name, app, environment, artifact: content.digest, run, counts },
      ...{
        with_processes: into.with,
        with_crons: into.crons,
        scaled,
        live: into.live?.[app] ?? null,
        ...own,
      },
      ...{ origin, tree, path, context, plain: below.plain, secrets: below.secrets },
      overrides: await versionsOf(change.db, space.name, app),
      ...{ by, delivered_at: at, revision, wanted: 'running', awake_at: at, meter },
      command: isCommandWanted && run.releaseCommand !== undefined ? 'owed' : 'none',
      generation: (before?.generation ?? 0) + 1,
      report: { phase: 'starting', message: starts, hint: null, lastLines: [] },
      version: (before?.version ?? 0) + 1,
    }
    await putApp(change.db, row)
    change.event({
      kind: 'space.delivered',
      app,
      environment,
      message: said.delivered(row, origin.commit),
      facts: {
        space: space.name,
        set: setOf(row),
        artifact: content.digest,
        origin,
        live: row.live !== null,
      },
    })
    change.wake('spaces')
    return revision
  }

  return {
    prepare,
    place,
    async refusals(change: Change, asked: Parameters<typeof look>[1], together: readonly string[]) {
      return (await look(change, asked, together)).refusals
    },
    /** The revision that serves, where placing this would make the very same again. */
    async serving(change: Change, delivery: SpaceDelivery): Promise<number | null> {
      const row = await findApp(change.db, delivery.into.name, delivery.app)
      if (row?.wanted !== 'running' || row.report.phase !== 'live' || row.seen < row.generation) return null
      const { below } = await look(change, delivery, [])
      const asks = {
        ...{
          artifact: delivery.content.digest,
          run: delivery.run,
          live: delivery.into.live?.[delivery.app] ?? null,
        },
        ...{ plain: below.plain, secrets: below.secrets },
        overrides: await versionsOf(change.db, delivery.into.name, delivery.app),
        ...{ with_processes: delivery.into.with, with_crons: delivery.into.crons },
        own_database: row.own_database || delivery.into.ownDatabases === true,
      }
      const isSame = Object.entries(asks).every(([key, value]) =>
        isEqual(row[key as keyof typeof asks], value),
      )
      return isSame && !delivery.into.release ? row.revision : null
    },
  }
}

const FRESH = {
  ...{ attached_by: null, attached_until: null, swap_by: null, swap_since: null, swap_until: null },
  ...{ asked_at: null, seen: 0 },
}

const named = (counts: Record<string, number>) =>
  Object.keys(counts).filter((name) => (counts[name] ?? 0) > 0)

/** As JSON columns keep it: the order of keys is not what was written. */
function isEqual(one: unknown, other: unknown): boolean {
  return sorted(one) === sorted(other)
}

function sorted(value: unknown): string {
  return JSON.stringify(value, (_, inner) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([one], [other]) => (one < other ? -1 : 1)))
      : inner,
  )
}
