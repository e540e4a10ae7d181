/** Ends what a build left running when the platform died. Not part of the port: only builds on this machine leave any. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const GRACE_MILLISECONDS = 2000
const LOOK_MILLISECONDS = 20

export interface Leftover {
  /** Led its process group. */
  pid: number
  startTime: string
  /** Where the build worked. */
  folder: string
}

/**
 * Ends the process group: SIGTERM, then SIGKILL. A process that merely got the same id later is left alone: it has
 * another start time (`startTimeOf` tells it as it was told at the start). Where the leader is gone, a group is ours
 * only if somebody in it works in the folder; that can be seen on Linux alone.
 */
export async function endLeftover(
  { pid, startTime, folder }: Leftover,
  startTimeOf: (pid: number) => string,
): Promise<void> {
  if (!isThere(pid)) return
  const leader = statOf(pid)?.[0] === 'Z' ? '' : startTimeOf(pid)
  const isOurs =
    leader === '' ? membersOf(pid).some((member) => worksIn(member, folder)) : leader === startTime
  if (!isOurs) return
  signalGroup(pid, 'SIGTERM')
  for (let waited = 0; waited < GRACE_MILLISECONDS; waited += LOOK_MILLISECONDS) {
    if (!isThere(pid) || isAllDead(pid)) return
    await sleep(LOOK_MILLISECONDS)
  }
  signalGroup(pid, 'SIGKILL')
}

function isThere(group: number): boolean {
  try {
    process.kill(-group, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** The dead stay in their group until their parent fetches them; there is nothing to wait for. */
function isAllDead(group: number): boolean {
  const members = membersOf(group)
  return members.length > 0 && members.every((pid) => statOf(pid)?.[0] === 'Z')
}

/** Empty where there is no /proc. */
function membersOf(group: number): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => statOf(pid)?.[2] === String(group))
  } catch {
    return []
  }
}

/** Fields of /proc/<pid>/stat after the name: state, parent, group, ... */
function statOf(pid: number): string[] | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return null
  }
}

function worksIn(pid: number, folder: string): boolean {
  try {
    return `${readlinkSync(`/proc/${pid}/cwd`)}/`.startsWith(`${folder}/`)
  } catch {
    return false
  }
}

function signalGroup(group: number, name: NodeJS.Signals): void {
  try {
    process.kill(-group, name)
  } catch {
    // It ended by itself in between.
  }
}
