/** What there is in an environment, what is asked for and what is used of it. Pure. */
import type { ProcessSpec } from '../../../api/app-spec.ts'
import type { Capacity } from '../../../api/environments.ts'
import type { Observation, Capacity as Room } from '../../../engines/engine.ts'

/** What should run of one app, or of one copy in a space. */
export interface Asking {
  processes: Record<string, Pick<ProcessSpec, 'cpuMillis' | 'memoryMegabytes'>>
  counts: Record<string, number>
}

const MEGABYTE = 1024 * 1024

export function capacityOf(
  room: Room,
  asking: readonly Asking[],
  observed: readonly Pick<Observation, 'sets'>[],
): Capacity {
  const wanted = asking.flatMap(({ processes, counts }) =>
    Object.entries(processes).map(([name, spec]) => ({ ...spec, count: counts[name] ?? 0 })),
  )
  const sum = <Item>(items: readonly Item[], of: (item: Item) => number) =>
    items.reduce((total, item) => total + of(item), 0)
  const running = observed.flatMap(({ sets }) => sets.flatMap(({ processes }) => processes))
  const isMeasured =
    running.length === 0 ||
    running.some((one) => one.cpuPercent !== undefined || one.memoryBytes !== undefined)
  const isSilent = ({ cpuMillis, memoryMegabytes }: (typeof wanted)[number]) =>
    cpuMillis === undefined || memoryMegabytes === undefined
  return {
    ...room,
    asked: {
      cpus: sum(wanted, ({ cpuMillis = 0, count }) => (cpuMillis * count) / 1000),
      memoryBytes: sum(wanted, ({ memoryMegabytes = 0, count }) => memoryMegabytes * count * MEGABYTE),
    },
    used: isMeasured
      ? {
          cpus: sum(running, ({ cpuPercent = 0 }) => cpuPercent / 100),
          memoryBytes: sum(running, ({ memoryBytes = 0 }) => memoryBytes),
        }
      : null,
    processes: sum(wanted, ({ count }) => count),
    silent: sum(wanted.filter(isSilent), ({ count }) => count),
  }
}
