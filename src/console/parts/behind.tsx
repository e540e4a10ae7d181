import type { AppInEnvironment } from '../../api/apps.ts'
import { plural } from './parts.tsx'

/** `3 behind stage`. */
export function Behind({ behind }: { behind: AppInEnvironment['behind'] }) {
  if (!behind) return null
  const { environment, artifacts } = behind
  const words =
    artifacts === null
      ? `What serves here was never live in ${environment}`
      : `${plural(artifacts, 'newer build')} went live in ${environment} since`
  return (
    <span className="tag" data-tone="warn" title={words}>
      {artifacts === null ? `not what ${environment} had` : `${artifacts} behind ${environment}`}
    </span>
  )
}
