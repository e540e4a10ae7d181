/** What asks for a person: each with one sentence and where it leads. It orders what the platform said, and judges nothing. */
import type { App } from '../../api/apps.ts'
import type { CheckResult } from '../../api/environments.ts'
import type { Tone } from '../parts/state.tsx'

export interface Need {
  key: string
  tone: Tone
  app: string | null
  environment: string | null
  rollout: string | null
  title: string
  reason: string
}

const WORST_FIRST: readonly Tone[] = ['bad', 'warn', 'busy', 'good', 'none']

export function needsOf(apps: readonly App[], checks: readonly CheckResult[]): Need[] {
  const ofApps = apps.flatMap(({ name: app, environments }) =>
    environments.flatMap(({ environment, state, reason, rollout }): Need[] => {
      const about = { key: `${app}/${environment}`, app, environment }
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
      ...{
        key: `check ${name} ${message}`,
        tone: 'bad' as const,
        app: null,
        environment: null,
        rollout: null,
      },
      title: `The check “${name}” fails`,
      reason: mend ? `${message}; ${mend}` : message,
    }))
  return [...ofApps, ...failing].sort(
    (one, other) => WORST_FIRST.indexOf(one.tone) - WORST_FIRST.indexOf(other.tone),
  )
}
