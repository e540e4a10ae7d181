import type { AppInEnvironment } from '../../api/apps.ts'
import { plural } from './parts.tsx'

/** `3 behind stage`. */
export function Behind({ behind }: { behind: AppInEnvironment['behind'] }) {
  if (!behind) return null
  const { environment, releases } = behind
  const words =
    releases === null
      ? `What serves here was never live in ${environment}`
      : `${plural(releases, 'release')} of other code went live in ${environment} since`
  return (
    <span className="tag" data-tone="warn" title={words}>
      {releases === null ? `not what ${environment} had` : `${releases} behind ${environment}`}
    </span>
  )
}
