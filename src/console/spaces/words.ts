/** How spaces are told: what the platform said, in few words. Pure. */
import type { Space, SpaceApp } from '../../api/spaces.ts'
import type { Tone } from '../parts/state.tsx'

const OF_APPS: Record<SpaceApp['state'], [Tone, string]> = {
  failed: ['bad', 'failed'],
  removing: ['warn', 'being removed'],
  starting: ['busy', 'starting'],
  live: ['good', 'live'],
  asleep: ['none', 'asleep'],
  stopped: ['none', 'stopped'],
}
const WORST_FIRST = Object.keys(OF_APPS) as SpaceApp['state'][]

export const toneOfCopy = (state: SpaceApp['state']): Tone => OF_APPS[state][0]
export const wordOfCopy = (state: SpaceApp['state']): string => OF_APPS[state][1]

/** Of a space as a whole: what is worst in it; null where nothing is in it. */
export function stateOf({ removing, apps }: Space): SpaceApp['state'] | null {
  if (removing) return 'removing'
  return WORST_FIRST.find((state) => apps.some((app) => app.state === state)) ?? null
}

export const commitOf = ({ origin }: SpaceApp): string =>
  `${origin.commit?.slice(0, 7) ?? 'no commit'}${origin.dirty ? ' with changes' : ''}`

/** `missions and web`. */
export const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`

/** What was asked for, of one app or of many. */
export function hoursOf(apps: readonly SpaceApp[]): { cpu: string; memory: string } {
  const sum = (key: 'cpuHours' | 'memoryGigabyteHours') =>
    apps.reduce((total, app) => total + app[key], 0).toFixed(1)
  return { cpu: `${sum('cpuHours')} CPU-h`, memory: `${sum('memoryGigabyteHours')} GB-h` }
}

export interface SpacesFilter {
  q?: string
  environment?: string
  owner?: string
  state?: string
}

export const STATES = ['failed', 'awake', 'asleep', 'has traffic'] as const

const HOLDS: Record<string, (space: Space) => boolean> = {
  failed: ({ apps }) => apps.some(({ state }) => state === 'failed'),
  awake: ({ apps }) => apps.some(({ state }) => state === 'live' || state === 'starting'),
  asleep: ({ apps }) => apps.length > 0 && apps.every(({ state }) => state === 'asleep'),
  'has traffic': ({ apps }) => apps.some(({ swap }) => swap !== null),
}

/** Which of them a filter leaves; mine first, in the order that the platform gave. */
export function filterSpaces(
  spaces: readonly Space[],
  { q = '', environment, owner, state }: SpacesFilter,
  me: string | undefined,
): Space[] {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean)
  const holds = (state && HOLDS[state]) || (() => true)
  const text = ({ name, owner, branch, apps }: Space) =>
    [name, owner, branch ?? '', ...apps.map(({ app }) => app)].join(' ').toLowerCase()
  return spaces
    .filter(
      (space) =>
        words.every((word) => text(space).includes(word)) &&
        (environment === undefined || space.environment === environment) &&
        (owner === undefined || space.owner === owner) &&
        holds(space),
    )
    .sort((one, other) => Number(other.owner === me) - Number(one.owner === me))
}
