/** One set as the hop needs to know it. */
import type { Observation, Target } from '../../engine.ts'
import { isLive, type Lives } from '../live/lives.ts'
import type { Mirror } from '../mirror.ts'
import { LABEL, nameOf, setServiceName } from '../names.ts'
import { readyBySet } from '../observe/observation.ts'
import { isOver, isStopping, processNameOf, setOf, wasReady } from '../observe/pods.ts'
import { WEB } from '../plan.ts'
import type { SeenSet } from './view.ts'

export function seenSet(
  mirror: Mirror,
  lives: Pick<Lives, 'report'>,
  { observe }: { observe(): Observation },
  target: Target,
  set: string,
): SeenSet {
  const name = nameOf(target)
  const service = mirror.members.Service.get(setServiceName(target, set)) as {
    spec?: { clusterIP?: string }
  } | null
  const pods = mirror.pods.all().filter(({ metadata }) => metadata.labels?.[LABEL.app] === name)
  const live = pods.filter((pod) => isLive(pod) && setOf(pod) === set && processNameOf(pod) === WEB)
  const there = live.filter((pod) => !isStopping(pod) && !isOver(pod))
  return {
    address: service?.spec?.clusterIP ?? null,
    // One that starts anew in place refuses, and is asked again: no probe tells that as soon.
    ready: live.length > 0 ? there.filter(wasReady).length : (readyBySet(pods).get(set) ?? 0),
    hasEnded: there.some((pod) => lives.report(pod)?.process === 'ended'),
    problem: () => observe().sets.find((one) => one.id === set)?.problem ?? null,
  }
}
