/**
 * Memory and CPU limits that the kernel itself holds, where we may ask it: Linux as root, control groups of version 1
 * or 2. Everywhere else memory is watched and CPU only gets a niceness; `limitsHere` says which.
 */
import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'

export interface LimitsHere {
  version: 0 | 1 | 2
  memory: 'enforced' | 'watched'
  cpu: 'enforced' | 'advisory'
}

export interface ControlGroup {
  /** Folders that a process joins. */
  folders: string[]
  /** True when the kernel ended something in it for memory. */
  ranOutOfMemory(): boolean
  /** Fails silently while a process is in it. */
  remove(): void
}

const ROOT = '/sys/fs/cgroup'
const NAME = 'towpath'

/** What this machine enforces; asked once. */
export function limitsHere(): LimitsHere {
  const version = writableVersion()
  return version === 0
    ? { version, memory: 'watched', cpu: 'advisory' }
    : { version, memory: 'enforced', cpu: 'enforced' }
}

function writableVersion(): 0 | 1 | 2 {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 0
  try {
    if (existsSync(`${ROOT}/cgroup.controllers`)) {
      const controllers = readFileSync(`${ROOT}/cgroup.controllers`, 'latin1').trim().split(' ')
      if (!controllers.includes('memory') || !controllers.includes('cpu')) return 0
      accessSync(`${ROOT}/cgroup.subtree_control`, constants.W_OK)
      prepareShims([`${ROOT}/${NAME}`])
      writeFileSync(`${ROOT}/cgroup.subtree_control`, '+memory +cpu')
      writeFileSync(`${ROOT}/${NAME}/cgroup.subtree_control`, '+memory +cpu')
      return 2
    }
    prepareShims([`${ROOT}/memory/${NAME}`, `${ROOT}/cpu/${NAME}`])
    return 1
  } catch {
    return 0
  }
}

/** Where shims go when their app was born in its group. */
function prepareShims(parents: string[]): void {
  for (const parent of parents) mkdirSync(`${parent}/shims`, { recursive: true })
}

/** Null where nothing is limited or nothing can be. */
export function createControlGroup(
  here: LimitsHere,
  id: string,
  limits: { cpuMillis?: number | undefined; memoryMegabytes?: number | undefined },
): ControlGroup | null {
  if (here.version === 0 || (limits.cpuMillis === undefined && limits.memoryMegabytes === undefined))
    return null
  const folders: string[] = []
  let eventsFile: string | null = null
  try {
    const memoryBytes = limits.memoryMegabytes === undefined ? null : limits.memoryMegabytes * 1024 * 1024
    if (here.version === 2) {
      const folder = make(`${ROOT}/${NAME}/${id}`)
      if (memoryBytes !== null) {
        writeFileSync(`${folder}/memory.max`, String(memoryBytes))
        if (existsSync(`${folder}/memory.swap.max`)) writeFileSync(`${folder}/memory.swap.max`, '0')
        eventsFile = `${folder}/memory.events`
      }
      if (limits.cpuMillis !== undefined)
        writeFileSync(`${folder}/cpu.max`, `${limits.cpuMillis * 100} 100000`)
    } else {
      if (memoryBytes !== null) {
        const folder = make(`${ROOT}/memory/${NAME}/${id}`)
        writeFileSync(`${folder}/memory.limit_in_bytes`, String(memoryBytes))
        eventsFile = `${folder}/memory.oom_control`
      }
      if (limits.cpuMillis !== undefined) {
        const folder = make(`${ROOT}/cpu/${NAME}/${id}`)
        writeFileSync(`${folder}/cpu.cfs_period_us`, '100000')
        writeFileSync(`${folder}/cpu.cfs_quota_us`, String(Math.max(1000, limits.cpuMillis * 100)))
      }
    }
  } catch {
    for (const folder of folders) removeFolder(folder)
    return null
  }

  function make(folder: string): string {
    mkdirSync(folder, { recursive: true })
    folders.push(folder)
    return folder
  }

  return {
    folders,
    ranOutOfMemory() {
      if (eventsFile === null) return false
      try {
        return /^oom_kill [1-9]/m.test(readFileSync(eventsFile, 'latin1'))
      } catch {
        return false
      }
    },
    remove() {
      for (const folder of folders) removeFolder(folder)
    },
  }
}

/** The group that a process was started in before this runner was; its limits are in force already. */
export function adoptControlGroup(folders: string[]): ControlGroup | null {
  if (folders.length === 0) return null
  return {
    folders,
    ranOutOfMemory: () =>
      folders.some((folder) =>
        ['memory.events', 'memory.oom_control'].some((name) => {
          try {
            return /^oom_kill [1-9]/m.test(readFileSync(`${folder}/${name}`, 'latin1'))
          } catch {
            return false
          }
        }),
      ),
    remove() {
      for (const folder of folders) removeFolder(folder)
    },
  }
}

function removeFolder(folder: string): void {
  try {
    rmdirSync(folder)
  } catch {}
}
