/**
 * What a delivery does next, decided from facts alone. All apps are built before any is released; needed apps come
 * first; a newer delivery is never overtaken by an older one. Pure.
 */

import type { Rollout } from '../../../api/rollouts.ts'
import type { ShippedApp } from '../../../api/ships.ts'
import { messages } from './messages.ts'

export type AppState = ShippedApp['state']
export type AppError = NonNullable<ShippedApp['error']>

export interface AppFacts {
  app: string
  state: AppState
  /** It has an artifact. */
  built: boolean
  /** Other apps of this delivery that must be live before it. */
  needs: readonly string[]
  /** How often its build was asked for. */
  attempts: number
  /** Its end was already asked for. */
  stopping: boolean
  build: {
    id: string
    state: 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled'
    artifact: string | null
    error: AppError | null
    /** It ended because the platform did. */
    interrupted: boolean
  } | null
  rollout: Pick<Rollout, 'id' | 'phase' | 'message' | 'hint' | 'lastLines' | 'release'> | null
  /** A newer delivery that has released the app in the meantime. */
  overtakenBy: string | null
  /** An older delivery that this one waits for. */
  waitsFor: string | null
}

export interface ShipFacts {
  cancelledBy: string | null
  apps: readonly AppFacts[]
}

export interface AppChange {
  state: AppState
  error?: AppError | null
  artifact?: string
  stopping?: boolean
}

export type Action =
  | { do: 'build'; app: string }
  | { do: 'cancel-build'; app: string; build: string }
  | { do: 'abort-rollout'; app: string; rollout: string }
  | { do: 'deliver'; apps: string[]; first: boolean }

export interface Decision {
  changes: Record<string, AppChange>
  actions: Action[]
  /** How the delivery ended, null while it goes on. */
  end: 'live' | 'failed' | 'cancelled' | null
}

/** A build that dies with the platform is asked for again, but not for ever. */
const MOST_ATTEMPTS = 3
const RELEASED: readonly AppState[] = ['live', 'unchanged']

export function decide({ cancelledBy, apps }: ShipFacts): Decision {
  const changes: Record<string, AppChange> = {}
  const actions: Action[] = []
  const state = (app: AppFacts) => changes[app.app]?.state ?? app.state
  const isIn = (...states: AppState[]) => apps.filter((app) => states.includes(state(app)))

  for (const app of apps) {
    const change = observed(app, cancelledBy !== null)
    if (change === 'build-again') actions.push({ do: 'build', app: app.app })
    else if (change) changes[app.app] = change
  }

  const isBuilt = (app: AppFacts) => app.built || changes[app.app]?.artifact !== undefined
  // Whatever ended without an artifact: then nothing of this delivery is released.
  const isBroken = isIn('failed', 'cancelled').some((app) => !isBuilt(app))
  if (cancelledBy !== null) stop(apps, state, changes, actions, cancelledBy)
  else if (!isBroken && isIn('waiting', 'building', 'failed').length === 0) {
    for (const app of isIn('built')) {
      if (!app.overtakenBy) continue
      changes[app.app] = { state: 'cancelled', error: messages.overtaken(app.app, app.overtakenBy) }
    }
    // What was cancelled in this phase made way for a newer release, which is as good to whoever needs it.
    const isThere = (name: string) =>
      [...RELEASED, 'cancelled'].includes(state(apps.find((app) => app.app === name)!))
    const ready = isIn('built').filter((app) => !app.waitsFor && outerNeeds(app.app, apps).every(isThere))
    const first = !apps.some(
      (app) => app.state === 'releasing' || app.rollout || RELEASED.includes(app.state),
    )
    if (ready.length > 0) actions.push({ do: 'deliver', apps: ready.map((app) => app.app), first })
  }
  const isActing = actions.some((action) => action.do === 'build' || action.do === 'deliver')
  return { changes, actions, end: isActing ? null : endOf(apps.map(state), isBroken, cancelledBy !== null) }
}

function endOf(states: readonly AppState[], isBroken: boolean, isCancelled: boolean): Decision['end'] {
  const has = (...wanted: AppState[]) => states.some((state) => wanted.includes(state))
  if (has('waiting', 'building', 'releasing')) return null
  if (has('failed')) return 'failed'
  if (isBroken) return 'cancelled'
  // Waits for an older delivery.
  if (has('built') && !isCancelled) return null
  return has('cancelled') ? 'cancelled' : 'live'
}

/** What the build or the rollout of an app says about it; null for nothing new. */
function observed(
  { state, build, rollout, attempts }: AppFacts,
  isCancelled: boolean,
): AppChange | 'build-again' | null {
  if (state === 'building' && build) {
    if (build.state === 'succeeded') return { state: 'built', artifact: build.artifact! }
    if (build.state === 'cancelled') return { state: 'cancelled', error: build.error }
    if (build.state !== 'failed') return null
    if (build.interrupted && isCancelled) return { state: 'cancelled', error: build.error }
    if (build.interrupted && attempts < MOST_ATTEMPTS) return 'build-again'
    return { state: 'failed', error: build.error }
  }
  if (state === 'releasing' && rollout) {
    const { message, lastLines } = rollout
    const error = { message, lastLines, ...(rollout.hint !== null && { hint: rollout.hint }) }
    if (rollout.phase === 'live') return { state: 'live', error: null }
    if (rollout.phase === 'failed') return { state: 'failed', error }
    if (rollout.phase === 'aborted') return { state: isCancelled ? 'cancelled' : 'failed', error }
    if (rollout.phase === 'superseded') return { state: 'cancelled', error }
  }
  return null
}

function stop(
  apps: readonly AppFacts[],
  state: (app: AppFacts) => AppState,
  changes: Record<string, AppChange>,
  actions: Action[],
  by: string,
): void {
  for (const app of apps) {
    const now = state(app)
    if (now === 'waiting' || now === 'built') {
      changes[app.app] = { ...changes[app.app], state: 'cancelled', error: messages.cancelled(by) }
    }
    if (app.stopping) continue
    if (now === 'building' && app.build) {
      actions.push({ do: 'cancel-build', app: app.app, build: app.build.id })
      changes[app.app] = { state: now, stopping: true }
    }
    if (now === 'releasing' && app.rollout) {
      actions.push({ do: 'abort-rollout', app: app.app, rollout: app.rollout.id })
      changes[app.app] = { state: now, stopping: true }
    }
  }
}

/** Apps of the delivery that come before this one; those that need it in turn come together with it. */
export function outerNeeds(name: string, apps: readonly Pick<AppFacts, 'app' | 'needs'>[]): string[] {
  const reach = reachable(name, apps)
  return [...reach].filter((need) => need !== name && !reachable(need, apps).has(name))
}

function reachable(name: string, apps: readonly Pick<AppFacts, 'app' | 'needs'>[]): Set<string> {
  const needsOf = new Map(apps.map((app) => [app.app, app.needs]))
  const seen = new Set<string>()
  const ahead = [name]
  for (let next = ahead.pop(); next !== undefined; next = ahead.pop()) {
    for (const need of needsOf.get(next) ?? []) {
      if (!needsOf.has(need) || seen.has(need)) continue
      seen.add(need)
      ahead.push(need)
    }
  }
  return seen
}
