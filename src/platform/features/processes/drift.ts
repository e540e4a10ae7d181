/** What somebody changed past Towpath, and what of it can be kept. Pure. */
import { TowError } from '../../../api/errors.ts'
import type { Difference as DifferenceShape } from '../../../api/processes.ts'
import type { Difference } from '../../../engines/engine.ts'
import { releaseOf } from './rules.ts'

interface Place {
  app: string
  environment: string
}

/** Counts are of the release that serves; those of one that comes or goes are the rollout's. */
export function asDifference({ message, count }: Difference, live: number | null): DifferenceShape {
  const isOfLive = count !== undefined && releaseOf(count.set) === live
  return { message, count: isOfLive ? { process: count.process, count: count.count } : null }
}

/** By process; refused as a whole where there is anything that would be put back in the same breath. */
export function adoptedCounts(
  { app, environment }: Place,
  differences: readonly DifferenceShape[],
): Record<string, number> {
  const others = differences.filter(({ count }) => count === null)
  if (others.length > 0) {
    throw new TowError(
      'REFUSED',
      `only counts of processes can be adopted of ${app} in ${environment}, and this is none: ${others.map(({ message }) => message).join('; ')}`,
      {
        hint: `say it in tow.yaml or in the values of the environment (tow env add --values), then tow drift --mend -a ${app} -e ${environment}`,
      },
    )
  }
  return Object.fromEntries(differences.flatMap(({ count }) => (count ? [[count.process, count.count]] : [])))
}
