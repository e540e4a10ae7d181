/** States by shape, word and colour, never by colour alone. */
import type { ReactNode } from 'react'
import type { AppInEnvironment } from '../../api/apps.ts'

export type Tone = 'good' | 'busy' | 'warn' | 'bad' | 'none'

const SHAPES: Record<Tone, ReactNode> = {
  good: (
    <>
      <circle cx="7" cy="7" r="6" fill="currentColor" />
      <path d="M4 7.2 6.2 9.4 10 5" fill="none" stroke="var(--paper)" strokeWidth="1.6" />
    </>
  ),
  busy: (
    <g className="turning">
      <circle cx="7" cy="7" r="5.2" fill="none" stroke="currentColor" strokeWidth="1.6" opacity=".35" />
      <path d="M7 1.8A5.2 5.2 0 0 1 12.2 7" fill="none" stroke="currentColor" strokeWidth="2" />
    </g>
  ),
  warn: (
    <>
      <path d="M7 .8 13.5 12.6H.5Z" fill="currentColor" />
      <path d="M7 5v4M7 10.2v1.2" stroke="var(--paper)" strokeWidth="1.5" />
    </>
  ),
  bad: (
    <>
      <rect x="1" y="1" width="12" height="12" rx="3" fill="currentColor" />
      <path d="m4.5 4.5 5 5m0-5-5 5" stroke="var(--paper)" strokeWidth="1.6" />
    </>
  ),
  none: (
    <circle cx="7" cy="7" r="5" fill="none" stroke="currentColor" strokeWidth="1.5" strokeDasharray="2.4 2" />
  ),
}

/** `hideWord`: it is still there for who does not see the shape. */
export function State({ tone, word, hideWord = false }: { tone: Tone; word: string; hideWord?: boolean }) {
  return (
    <span className="state" data-tone={tone} title={hideWord ? word : undefined}>
      <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">
        {SHAPES[tone]}
      </svg>
      <span className={hideWord ? 'hidden-visually' : ''}>{word}</span>
    </span>
  )
}

const OF_APPS: Record<AppInEnvironment['state'], [Tone, string]> = {
  none: ['none', 'not there'],
  'rolling-out': ['busy', 'rolling out'],
  healthy: ['good', 'healthy'],
  degraded: ['warn', 'degraded'],
  down: ['bad', 'down'],
  away: ['warn', 'unknown'],
}
export const toneOfApp = (state: AppInEnvironment['state']): Tone => OF_APPS[state][0]
export const wordOfApp = (state: AppInEnvironment['state']): string => OF_APPS[state][1]

const TONES: Record<string, Tone> = {
  live: 'good',
  succeeded: 'good',
  healthy: 'good',
  failed: 'bad',
  crashed: 'bad',
  unhealthy: 'bad',
  aborted: 'warn',
  cancelled: 'warn',
  unknown: 'warn',
  asking: 'warn',
  undoing: 'warn',
  superseded: 'none',
  replaced: 'none',
  queued: 'none',
  pending: 'none',
  waiting: 'none',
  stopping: 'none',
}

/** Of rollouts, releases, builds, runs and processes; a state that is not over is under way. */
export const toneOf = (state: string): Tone => TONES[state] ?? 'busy'

export function StateOf({ state }: { state: string }) {
  return <State tone={toneOf(state)} word={state.replace('-', ' ')} />
}
