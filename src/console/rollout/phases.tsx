import type { Rollout } from '../../api/rollouts.ts'
import { State, toneOf } from '../parts/state.tsx'
import { Took } from '../parts/time.tsx'

const WAY = ['release-command', 'starting', 'switching', 'finishing', 'live'] as const
const WORDS: Record<string, string> = {
  queued: 'waits its turn',
  'release-command': 'release command',
  asking: 'asks',
  starting: 'processes start',
  switching: 'traffic moves',
  finishing: 'old ones drain',
  undoing: 'goes back',
  live: 'live',
}

/** What it went through, and what is still ahead, from left to right. */
export function Phases({ rollout: { history, endedAt } }: { rollout: Rollout }) {
  const steps = history.filter(({ phase }, index) => history[index - 1]?.phase !== phase)
  const last = steps.at(-1)?.phase
  const at = WAY.indexOf(last as (typeof WAY)[number])
  const ahead = endedAt === null && last !== 'undoing' ? WAY.slice(at < 0 ? 1 : at + 1) : []
  return (
    <ol className="phases" aria-label="Phases">
      {steps.map(({ phase, at: since }, index) => {
        const next = steps[index + 1]?.at ?? endedAt
        const isNow = index === steps.length - 1 && endedAt === null
        const isEnd = index === steps.length - 1 && endedAt !== null
        const tone = isNow ? 'busy' : isEnd || phase === 'undoing' ? toneOf(phase) : 'good'
        return (
          <li
            key={`${phase} ${since}`}
            data-state={isNow ? 'now' : 'done'}
            data-tone={tone}
            aria-current={isNow ? 'step' : undefined}
          >
            <State tone={tone} word={WORDS[phase] ?? phase} />
            {!isEnd && <Took from={since} to={isNow ? null : next} />}
          </li>
        )
      })}
      {ahead.map((phase) => (
        <li key={phase} data-state="ahead">
          <State tone="none" word={WORDS[phase] ?? phase} />
        </li>
      ))}
    </ol>
  )
}
