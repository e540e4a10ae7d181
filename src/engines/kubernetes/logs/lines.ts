/** Lines of containers as the log of an app: ids that stay, order, and which of them a query wants. Pure. */
import { openLogCursor } from '../../../api/log-cursor.ts'
import type { LogLine, LogQuery } from '../../../api/logs.ts'
import type { Target } from '../../engine.ts'
import type { Pod } from '../cluster/objects.ts'
import { instanceName, processNameOf, setOf, statusOf } from '../observe/pods.ts'

/** One life of a container, which has a log of its own. */
export interface Life {
  pod: Pod
  restarts: number
  /** Not the one that runs now. */
  isPrevious: boolean
}

/** The logs that Kubernetes still has of a pod: of its container now, and of the one before. */
export function livesOf(pod: Pod): Life[] {
  const status = statusOf(pod)
  const restarts = status?.restartCount ?? 0
  const hasStarted = Boolean(status?.state?.running ?? status?.state?.terminated)
  const now = { pod, restarts, isPrevious: false }
  const before = { pod, restarts: restarts - 1, isPrevious: true }
  // While it waits for its next start, what can be read is the log of the life before, under the name of this one.
  if (!hasStarted) return status?.lastState?.terminated ? [{ pod, restarts, isPrevious: true }] : []
  return restarts > 0 ? [before, now] : [now]
}

export function lifeKey({ pod, restarts }: Life): string {
  return `${pod.metadata.uid}/${restarts}`
}

export function isWanted(pod: Pod, query: LogQuery): boolean {
  if (query.process !== undefined && processNameOf(pod) !== query.process) return false
  return query.release === undefined || releaseOf(pod) === query.release
}

function releaseOf(pod: Pod): number {
  return Number.parseInt(setOf(pod).slice(1), 10) || 0
}

/**
 * Turns text of the API (`2026-01-02T03:04:05.000000006Z text`) into lines. The time that the node stamped is also the
 * sequence, in tenths of a microsecond of its day; it is the same wherever one begins to read.
 */
export function createLineReader(target: Target, { pod, restarts }: Life): (line: string) => LogLine | null {
  const instance = instanceName(pod, restarts)
  let last = { day: -1, sequence: -1 }
  return (line) => {
    const space = line.indexOf(' ')
    const time = timeOf(space < 0 ? line : line.slice(0, space))
    if (time === null) return null
    const day = Math.floor(time.milliseconds / DAY)
    const tenths = (time.milliseconds % DAY) * 10_000 + Math.floor((time.nanoseconds % 1e6) / 100)
    const sequence = day === last.day ? Math.max(tenths, last.sequence + 1) : tenths
    last = { day, sequence }
    return {
      id: `${padded(time.milliseconds, 13)}-${instance}.${day}-${padded(sequence, 12)}`,
      at: new Date(time.milliseconds).toISOString(),
      app: target.app,
      environment: target.environment,
      ...(target.space === undefined ? {} : { space: target.space }),
      release: releaseOf(pod),
      process: processNameOf(pod),
      instance,
      // The API tells both streams as one.
      stream: 'stdout',
      text: space < 0 ? '' : line.slice(space + 1),
    }
  }
}

const DAY = 86_400_000
const padded = (number: number, digits: number) => String(number).padStart(digits, '0')

function timeOf(text: string): { milliseconds: number; nanoseconds: number } | null {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text)
  if (!match) return null
  const [, seconds, fraction = '', zone] = match
  const nanoseconds = Number(fraction.padEnd(9, '0'))
  return { milliseconds: Date.parse(`${seconds}${zone}`) + Math.floor(nanoseconds / 1e6), nanoseconds }
}

/** The second from which the server is asked, ISO 8601; it knows nothing finer. */
export function sinceOf(query: LogQuery, last: string | null): string | undefined {
  const from = last ?? (query.after === undefined ? '' : openLogCursor(query.after).floor())
  const [milliseconds] = /^\d{13}/.exec(from) ?? []
  if (milliseconds) return new Date(Math.floor(Number(milliseconds) / 1000) * 1000).toISOString()
  return query.since === undefined ? undefined : `${query.since.slice(0, 19)}Z`
}
