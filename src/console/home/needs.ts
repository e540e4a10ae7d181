/** What asks for a person: each with one sentence and where it leads. It orders what the platform said, and judges nothing. */
import type { App } from '../../api/apps.ts'
import type { Drift } from '../../api/drift.ts'
import type { CheckResult } from '../../api/environments.ts'
import type { Space } from '../../api/spaces.ts'
import { driftInWords } from '../environments/words.ts'
import type { Tone } from '../parts/state.tsx'

export interface Need {
  key: string
  tone: Tone
  app: string | null
  environment: string | null
  rollout: string | null
  space: string | null
  title: string
  reason: string
  /** What somebody changed past Towpath, where that is it. */
  drift?: Drift
}

interface Told {
  apps: readonly App[]
  checks: readonly CheckResult[]
  drift: readonly Drift[]
  /** Those of whoever looks. */
  spaces: readonly Space[]
}

const NOWHERE = { app: null, environment: null, rollout: null, space: null }

const WORST_FIRST: readonly Tone[] = ['bad', 'warn', 'busy', 'good', 'none']

export function needsOf({ apps, checks, drift, spaces }: Told): Need[] {
  const ofApps = apps.flatMap(({ name: app, environments }) =>
    environments.flatMap(({ environment, state, reason, rollout }): Need[] => {
      const about = { key: `${app}/${environment}`, app, environment, space: null }
      const title = `${app} in ${environment}`
      if (state === 'down' || state === 'degraded' || state === 'away') {
        const tone = state === 'down' ? 'bad' : 'warn'
        const words = { down: 'is down', degraded: 'is degraded', away: 'can’t be seen' }[state]
        return [{ ...about, tone, rollout: null, title: `${title} ${words}`, reason: reason ?? '' }]
      }
      if (rollout?.phase === 'failed') {
        const words = `v${rollout.release} did not go live`
        return [
          {
            ...about,
            tone: 'bad',
            rollout: rollout.id,
            title: `${title}: ${words}`,
            reason: reason ?? 'the release before serves',
          },
        ]
      }
      if (rollout?.phase === 'asking') {
        const words = 'a rollout asks what to do'
        return [
          { ...about, tone: 'warn', rollout: rollout.id, title: `${title}: ${words}`, reason: reason ?? '' },
        ]
      }
      return []
    }),
  )
  const failing = checks
    .filter(({ ok }) => !ok)
    .map(({ name, message, mend }) => ({
      ...{ ...NOWHERE, key: `check ${name} ${message}`, tone: 'bad' as const },
      title: `The check “${name}” fails`,
      reason: mend ? `${message}; ${mend}` : message,
    }))
  return [...ofApps, ...failing, ...drift.map(ofDrift), ...spaces.flatMap(ofSpace)].sort(
    (one, other) => WORST_FIRST.indexOf(one.tone) - WORST_FIRST.indexOf(other.tone),
  )
}

function ofDrift(drift: Drift): Need {
  const { app, environment } = drift
  return {
    ...{ ...NOWHERE, key: `drift ${app}/${environment}`, tone: 'warn', app, environment, drift },
    title: `${app} in ${environment} was changed past Towpath`,
    reason: driftInWords(drift),
  }
}

function ofSpace({ name, apps }: Space): Need[] {
  return apps
    .filter(({ state }) => state === 'failed')
    .map(({ app, message }) => ({
      ...{ ...NOWHERE, key: `space ${name} ${app}`, tone: 'bad', space: name },
      title: `${app} in your space ${name} failed`,
      reason: message,
    }))
}
