/**
 * One core for what is measured and another for its clients and its app, both before everything else that runs on the
 * machine: so what is measured waits for nobody. Where that can't be had, the system shares the cores out as it likes.
 */
import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

const CORES = { proxy: '0', others: '1' } as const
const FIRST = ['chrt', '-f', '10'] as const

export const arePinned =
  availableParallelism() >= 2 && spawnSync('chrt', ['-f', '10', 'taskset', '-c', '1', 'true']).status === 0

/** The command as it has to be spawned for its part; what it starts keeps to the core. */
export function on(part: keyof typeof CORES, command: string, args: readonly string[]): [string, string[]] {
  if (!arePinned) return [command, [...args]]
  const [program, ...options] = FIRST
  return [program, [...options, 'taskset', '-c', CORES[part], command, ...args]]
}

/** This process, with all of its threads. */
export function pinMyself(): void {
  if (!arePinned) return
  spawnSync('taskset', ['-a', '-c', '-p', CORES.others, String(process.pid)])
  spawnSync('chrt', ['-a', '-f', '-p', '10', String(process.pid)])
}
