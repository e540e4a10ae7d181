/** One step of one delivery: gather the facts, decide, and write everything that follows in one change. */

import type { Artifact } from '../../../api/app-spec.ts'
import { TowError } from '../../../api/errors.ts'
import { PLATFORM } from '../../kernel/actor.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Change, Database } from '../../kernel/database.ts'
import type { Builds } from '../builds/index.ts'
import { countsOf } from '../manifests/index.ts'
import { messages } from './messages.ts'
import type { Delivery, ShipPorts } from './ports.ts'
import { type Action, type AppFacts, decide } from './rules.ts'
import {
  findShip,
  rivals,
  type ShipAppRow,
  type ShipRow,
  shipApps,
  updateShip,
  updateShipApp,
} from './store.ts'

export interface AdvanceOptions {
  database: Database
  builds: Builds
  clock: Clock
  ports: ShipPorts
}

/** Answers whether anything changed, so that there may be more to do at once. */
export async function advance(options: AdvanceOptions, id: string): Promise<boolean> {
  const { database } = options
  const ship = await findShip(database.db, id)
  if (ship?.state !== 'running') return false
  const rows = await shipApps(database.db, [id])
  const decision = decide({ cancelledBy: ship.cancelled_by, apps: await gather(options, ship, rows) })
  if (Object.keys(decision.changes).length + decision.actions.length === 0 && decision.end === null)
    return false

  const prepared = await prepare(options, ship, rows, decision.actions)
  const urls: Record<string, string[]> = {}
  for (const row of rows) {
    if (decision.changes[row.app]?.state !== 'live') continue
    const content = row.artifact && (await options.builds.artifact(database.db, row.artifact))
    urls[row.app] = await urlsOf(options, ship, row.app, content || null)
  }
  try {
    return await database.change(PLATFORM, async (change) => {
      const isOurs = await updateShip(change.db, id, ship.version, {
        ...(decision.end && { state: decision.end, ended_at: options.clock.now() }),
      })
      if (!isOurs) return true
      for (const [app, next] of Object.entries(decision.changes)) {
        await updateShipApp(change.db, id, app, { ...next, ...(urls[app] && { urls: urls[app] }) })
      }
      for (const action of decision.actions) await act(options, change, ship, rows, action, prepared)
      if (decision.end) noteEnd(change, ship, decision.end, await shipApps(change.db, [id]))
      change.wake('ships')
      return true
    })
  } catch (error) {
    if (!(error instanceof AppsRefused)) throw error
    await database.change(PLATFORM, async (change) => {
      if (!(await updateShip(change.db, id, ship.version, {}))) return
      for (const [app, reason] of error.reasons) {
        const { message, hint } = reason
        await updateShipApp(change.db, id, app, {
          state: 'failed',
          error: { message, ...(hint && { hint }), lastLines: [] },
        })
      }
      change.wake('ships')
    })
    return true
  }
}

/** Thrown inside a change, so that nothing of it stays: these apps can't be released. */
class AppsRefused extends Error {
  readonly reasons: [app: string, reason: { message: string; hint?: string | undefined }][]
  constructor(reasons: AppsRefused['reasons']) {
    super('apps were refused')
    this.reasons = reasons
  }
}

async function gather(
  { database, builds, ports }: AdvanceOptions,
  ship: ShipRow,
  rows: ShipAppRow[],
): Promise<AppFacts[]> {
  const names = rows.map((row) => row.app)
  const [built, rolledOut, others] = await Promise.all([
    builds.getAll(
      database.db,
      rows.flatMap((row) => row.build ?? []),
    ),
    ports.rollouts.find(
      database.db,
      rows.flatMap((row) => row.rollout ?? []),
    ),
    rivals(database.db, ship, names),
  ])
  return rows.map((row) => {
    const build = built.find((one) => one.id === row.build)
    const mine = others.filter((other) => other.app === row.app)
    const newer = mine.find(
      (other) => other.position > ship.position && (other.rollout || other.state === 'unchanged'),
    )
    const older = mine.find((other) => other.position < ship.position && other.ship_state === 'running')
    return {
      app: row.app,
      state: row.state,
      built: row.artifact !== null,
      needs: row.declaration.run.needs.filter((need) => names.includes(need)),
      attempts: row.attempts,
      stopping: row.stopping,
      build: build
        ? {
            id: build.id,
            state: build.state,
            artifact: build.artifact,
            error: build.error,
            interrupted: build.interrupted,
          }
        : null,
      rollout: rolledOut.find((one) => one.id === row.rollout) ?? null,
      overtakenBy: newer?.id ?? null,
      waitsFor: ship.when_busy === 'queue' ? (older?.id ?? null) : null,
    }
  })
}

interface Prepared {
  deliveries: Map<string, Delivery>
  urls: Map<string, string[]>
  unfit: AppsRefused['reasons']
}

/** What can't be asked inside a transaction: artifacts, and whether the engine can run them. */
async function prepare(
  options: AdvanceOptions,
  ship: ShipRow,
  rows: readonly ShipAppRow[],
  actions: readonly Action[],
): Promise<Prepared> {
  const { database, builds, ports } = options
  const prepared: Prepared = { deliveries: new Map(), urls: new Map(), unfit: [] }
  const deliver = actions.find((action) => action.do === 'deliver')
  if (!deliver) return prepared
  for (const row of rows) {
    // At the first release all are looked at, so that none is live when another turns out to be impossible.
    if (!deliver.first && !deliver.apps.includes(row.app)) continue
    const digest = row.artifact ?? (await artifactOf(builds, database, row))
    const content = digest === null ? null : await builds.artifact(database.db, digest)
    if (!content) continue
    prepared.deliveries.set(row.app, deliveryOf(ship, row, content))
    prepared.urls.set(row.app, await urlsOf(options, ship, row.app, content))
    const reason = await ports.unfit(ship.environment, content)
    if (reason) prepared.unfit.push([row.app, reason])
    else if (deliver.apps.includes(row.app)) ports.sendAhead(ship.environment, row.app, content)
  }
  return prepared
}

async function artifactOf(builds: Builds, { db }: Database, row: ShipAppRow): Promise<string | null> {
  return row.build === null ? null : (await builds.get(db, row.build)).artifact
}

function deliveryOf(ship: ShipRow, row: ShipAppRow, content: Artifact): Delivery {
  return {
    app: row.app,
    environment: ship.environment,
    into: ship.into,
    source: { tree: ship.tree, path: row.declaration.path, context: row.declaration.context },
    content,
    run: content.run,
    counts: countsOf(row.declaration, content.run, ship.environment),
    reason: 'ship',
    description: content.image
      ? messages.imageDescription(content.image.reference)
      : messages.description(ship.origin, ship.tree),
    origin: ship.origin,
    by: ship.requested_by,
    whenBusy: ship.when_busy,
  }
}

async function act(
  { builds, ports }: AdvanceOptions,
  change: Change,
  ship: ShipRow,
  rows: readonly ShipAppRow[],
  action: Action,
  prepared: Prepared,
): Promise<void> {
  if (action.do === 'build') {
    const row = rows.find((one) => one.app === action.app)!
    const build = await builds.request(change, {
      app: row.app,
      tree: ship.tree,
      declaration: row.declaration,
      origin: ship.origin,
      by: ship.requested_by,
      rebuild: ship.rebuild,
    })
    await updateShipApp(change.db, ship.id, row.app, { state: 'building', build, attempts: row.attempts + 1 })
  } else if (action.do === 'cancel-build') await builds.cancel(change, action.build, ship.cancelled_by!)
  else if (action.do === 'abort-rollout') {
    await ports.rollouts.abort(change, action.rollout, { name: ship.cancelled_by! })
  } else await deliver(ports, change, ship, rows, action, prepared)
}

async function deliver(
  ports: ShipPorts,
  change: Change,
  ship: ShipRow,
  rows: readonly ShipAppRow[],
  action: Extract<Action, { do: 'deliver' }>,
  prepared: Prepared,
): Promise<void> {
  const together = rows.map((row) => row.app)
  const reasons = [...prepared.unfit]
  for (const [app, delivery] of prepared.deliveries) {
    const found = await ports.refusals(change, delivery, together)
    if (found.length > 0) reasons.push([app, joined(found)])
  }
  if (reasons.length > 0) throw new AppsRefused(reasons)
  for (const app of action.apps) {
    const delivery = prepared.deliveries.get(app)
    if (!delivery)
      throw new AppsRefused([[app, { message: `the artifact of ${app} is gone`, hint: 'tow ship' }]])
    const serving = await ports.serving(change, delivery)
    if (serving !== null) {
      await updateShipApp(change.db, ship.id, app, {
        state: 'unchanged',
        release: serving,
        urls: prepared.urls.get(app) ?? [],
      })
      continue
    }
    try {
      const { release, rollout } = await ports.deliver(change, delivery, together)
      await updateShipApp(change.db, ship.id, app, { state: 'releasing', release: release.number, rollout })
    } catch (error) {
      if (error instanceof TowError && error.code !== 'INTERNAL') throw new AppsRefused([[app, error]])
      throw error
    }
  }
}

function joined(reasons: readonly { message: string; hint?: string | undefined }[]) {
  const hints = [...new Set(reasons.flatMap((reason) => reason.hint ?? []))]
  return { message: reasons.map((reason) => reason.message).join('\n'), hint: hints.join('\n') || undefined }
}

/** The engine may be away, which is no reason to hold the delivery up. */
async function urlsOf(
  { ports }: AdvanceOptions,
  ship: ShipRow,
  app: string,
  content: Artifact | null,
): Promise<string[]> {
  if (!content?.run.processes.web) return []
  return ports.urls(app, ship.environment, ship.into?.name ?? null).catch(() => [])
}

function noteEnd(
  change: Change,
  ship: ShipRow,
  end: 'live' | 'failed' | 'cancelled',
  apps: readonly ShipAppRow[],
): void {
  const { environment, into } = ship
  const place = messages.place(environment, into?.name)
  const named = (...states: string[]) =>
    apps.filter((app) => states.includes(app.state)).map((app) => app.app)
  const live = named('live', 'unchanged')
  const failed = named('failed')
  const message =
    end === 'live'
      ? messages.live(live, place)
      : end === 'failed'
        ? messages.failed(failed, live, place)
        : messages.stopped(live, place)
  change.event({
    kind: `ship.${end}`,
    environment,
    ...(apps.length === 1 && { app: apps[0]!.app }),
    message,
    facts: { ship: ship.id, live, failed, by: ship.requested_by, ...(into && { space: into.name }) },
  })
}
