/** What an observation says about a set. Pure; `alive` counts also what is stopping, because it still takes room. */
import type { Observation, ObservedProcess } from '../../../engines/engine.ts'
import { type Facts, setId } from './state.ts'

export function processesOf(observation: Observation | null, release: number): ObservedProcess[] {
  return observation?.sets.find((set) => set.id === setId(release))?.processes ?? []
}

export function healthy(observation: Observation | null, release: number, name: string): number {
  return processesOf(observation, release).filter((one) => one.process === name && one.state === 'healthy')
    .length
}

export function alive(observation: Observation | null, release: number, name: string): number {
  return processesOf(observation, release).filter((one) => one.process === name).length
}

/** Processes that end already and still take room. */
export function leaving(observation: Observation | null, release: number, name: string): number {
  return processesOf(observation, release).filter((one) => one.process === name && one.state === 'stopping')
    .length
}

/** True when the engine has taken over the present plan: only then do its facts speak about that plan. */
export function isFresh(facts: Pick<Facts, 'observation' | 'target'>): boolean {
  return facts.observation !== null && facts.observation.generation === facts.target.generation
}

/** Milliseconds since the engine took over the present plan; 0 where it was not seen to. */
export function sinceCaughtUp(facts: Facts): number {
  const { caughtUp } = facts.rollout
  return caughtUp && caughtUp.generation === facts.target.generation ? facts.steady - caughtUp.at : 0
}
