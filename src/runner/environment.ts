/** What a process finds in its environment: made from nothing, so that nothing of the runner's own leaks in. */
import { chownSync, mkdirSync } from 'node:fs'
import type { PreparedSet, Target } from './shapes.ts'

const SYSTEM_PATH = ['/usr/local/bin', '/usr/bin', '/bin', '/usr/local/sbin', '/usr/sbin', '/sbin']

export interface EnvironmentFacts {
  target: Target
  set: PreparedSet
  /** Of the process, e.g. `web.1`. */
  process: string
  port: number | null
  debugPort?: number | undefined
  /** Of the target; holds HOME and TMPDIR. */
  dwelling: string
  tty: boolean
}

/** The app's own values win over ours, but for its ports, which only we know. */
export function environmentOf(facts: EnvironmentFacts): Record<string, string> {
  const own = facts.set.env
  return {
    HOME: `${facts.dwelling}/home`,
    TMPDIR: `${facts.dwelling}/tmp`,
    LANG: 'C.UTF-8',
    ...(facts.tty ? { TERM: 'xterm-256color' } : {}),
    ...own,
    PATH: [...facts.set.path, ...(own.PATH ? [own.PATH] : SYSTEM_PATH)].join(':'),
    ...(facts.port === null ? {} : { PORT: String(facts.port) }),
    ...(facts.debugPort === undefined ? {} : { TOW_DEBUG_PORT: String(facts.debugPort) }),
    TOW_APP: facts.target.app,
    TOW_ENVIRONMENT: facts.target.environment,
    // A copy in a space has no release of its own.
    ...(facts.target.space === undefined
      ? { TOW_RELEASE: `v${facts.set.release}` }
      : { TOW_RELEASE: facts.set.id, TOW_SPACE: facts.target.space }),
    TOW_PROCESS: facts.process,
  }
}

/** HOME and TMPDIR, owned by the app's own user where it has one. */
export function prepareDwelling(dwelling: string, uid: number | null): void {
  for (const folder of [dwelling, `${dwelling}/home`, `${dwelling}/tmp`]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    if (uid !== null) chownSync(folder, uid, uid)
  }
}
