/** Which apps a filter leaves. Pure. */
import type { App, AppInEnvironment } from '../../api/apps.ts'

export interface FleetFilter {
  q?: string
  team?: string
  engine?: string
  state?: string
}

export const STATES = ['trouble', 'behind', 'rolling-out', 'healthy'] as const

const IN_TROUBLE = new Set<AppInEnvironment['state']>(['down', 'degraded', 'away'])

export const isInTrouble = ({ state, rollout }: AppInEnvironment): boolean =>
  IN_TROUBLE.has(state) || rollout?.phase === 'failed'

function hasState(app: App, state: string): boolean {
  const some = (holds: (place: AppInEnvironment) => boolean) => app.environments.some(holds)
  if (state === 'trouble') return some(isInTrouble)
  if (state === 'behind') return some(({ behind }) => behind !== null)
  if (state === 'healthy') return app.environments.every((place) => place.state === 'healthy')
  return some((place) => place.state === state)
}

/** `engines`: of each environment. */
export function filterFleet(
  apps: readonly App[],
  { q = '', team, engine, state }: FleetFilter,
  engines: ReadonlyMap<string, string>,
): App[] {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean)
  return apps.filter(
    (app) =>
      words.every((word) => app.name.includes(word) || app.owner?.includes(word)) &&
      (team === undefined || (team === 'nobody' ? app.owner === null : app.owner === team)) &&
      (engine === undefined ||
        app.environments.some(({ environment }) => engines.get(environment) === engine)) &&
      (state === undefined || hasState(app, state)),
  )
}
