/** The one question that decides whether a process may be touched: is this pid still the process that was started? */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { ProcessIdentity } from './spec.ts'

let boot: string | undefined

/** A text that differs for two processes that ever had the same pid, over reboots too; null when there is none. */
export function startOf(pid: number): string | null {
  if (process.platform === 'linux') {
    try {
      const fields = statFields(readFileSync(`/proc/${pid}/stat`, 'latin1'))
      if (fields[0] === 'Z') return null
      boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').slice(0, 8)
      return `${boot}-${fields[19]}`
    } catch {
      return null
    }
  }
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim()
  } catch {
    return null
  }
}

/** Fields of /proc/<pid>/stat from the state on; the name before them may hold spaces and parentheses. */
export function statFields(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** True while exactly this process lives. */
export function isSame(identity: ProcessIdentity): boolean {
  return identity.start !== '' && startOf(identity.pid) === identity.start
}
