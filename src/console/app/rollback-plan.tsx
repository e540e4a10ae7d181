import type { ReleaseDifference } from '../../api/releases.ts'
import { Differences } from './differences.tsx'

export function RollbackPlan({ differences }: { differences: readonly ReleaseDifference[] }) {
  return (
    <div>
      <h3>What would differ from what serves now</h3>
      <Differences differences={differences} />
    </div>
  )
}
