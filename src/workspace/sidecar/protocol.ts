/** Where the agent beside a process answers, inside its pod alone, and what it tells of the process. */

/** `workspace`: what the agent is asked. `report`: one line of JSON at once, at every change, and every `REPORT_MS`. */
export const SIDECAR_PORTS = { workspace: 27_911, report: 27_912 } as const

export interface SidecarReport {
  /** `ended`: it waits for the next change. `unknown`: nothing was heard of it yet. */
  process: 'unknown' | 'begun' | 'ended'
  /** As a shell tells how its command ended; null while it runs. */
  exit: number | null
  /** When that was heard; milliseconds since the epoch. */
  at: number
}

export const REPORT_MS = 5000
