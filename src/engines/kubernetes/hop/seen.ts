/** One set as the hop needs to know it. */
import type { Observation, Target } from '../../engine.ts'
import type { Mirror } from '../mirror.ts'
import { LABEL, nameOf, setServiceName } from '../names.ts'
import { readyBySet } from '../observe/observation.ts'
import type { SeenSet } from './view.ts'

export function seenSet(
  mirror: Mirror,
  { observe }: { observe(): Observation },
  target: Target,
  set: string,
): SeenSet {
  const name = nameOf(target)
  const service = mirror.members.Service.get(setServiceName(target, set)) as {
    spec?: { clusterIP?: string }
  } | null
  const pods = mirror.pods.all().filter(({ metadata }) => metadata.labels?.[LABEL.app] === name)
  return {
    address: service?.spec?.clusterIP ?? null,
    ready: readyBySet(pods).get(set) ?? 0,
    problem: () => observe().sets.find((one) => one.id === set)?.problem ?? null,
  }
}
