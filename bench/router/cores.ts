/**
 * One core for what is measured and another for its clients and its app, so that what is measured never waits for
 * those. Only where there are two cores and `taskset`; elsewhere the system shares the cores out as it likes.
 */
import { spawnSync } from 'node:child_process'
import { availableParallelism, constants, setPriority } from 'node:os'

const CORES = { proxy: '0', others: '1' } as const

export const arePinned =
  availableParallelism() >= 2 && spawnSync('taskset', ['-c', CORES.others, 'true']).status === 0

/** The command as it has to be spawned for its part; what it starts keeps to the core. */
export function on(part: keyof typeof CORES, command: string, args: readonly string[]): [string, string[]] {
  return arePinned ? ['taskset', ['-c', CORES[part], command, ...args]] : [command, [...args]]
}

/** This process, with all of its threads. */
export function pinMyself(): void {
  if (arePinned) spawnSync('taskset', ['-a', '-c', '-p', CORES.others, String(process.pid)])
}

/**
 * Where it may, this process goes before what else has its core: a client that waits its turn sends late and all at once. To
 * be called when all others run, since they would inherit it. Not a real-time priority: the system takes that away again
 * from whoever uses it for long.
 */
export function goFirst(): void {
  try {
    setPriority(constants.priority.PRIORITY_HIGHEST)
  } catch {}
}
