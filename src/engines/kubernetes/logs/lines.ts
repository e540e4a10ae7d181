/** Lines of containers as the log of an app: ids that stay, order, and which of them a query wants. Pure. */
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

/** Turns text of the API (`2026-01-02T03:04:05.000000006Z text`) into lines; of equal times the order is kept. */
export function createLineReader(target: Target, { pod, restarts }: Life): (line: string) => LogLine | null {
  let last = ''
  let count = 0
  const instance = instanceName(pod, restarts)
  return (line) => {
    const space = line.indexOf(' ')
    const time = normalTime(space < 0 ? line : line.slice(0, space))
    if (time === null) return null
    count = time === last ? count + 1 : 0
    last = time
    return {
      id: `${time}/${pod.metadata.name}/${restarts}/${String(count).padStart(6, '0')}`,
      at: new Date(`${time.slice(0, 23)}Z`).toISOString(),
      app: target.app,
      environment: target.environment,
      release: releaseOf(pod),
      process: processNameOf(pod),
      instance,
      // The API tells both streams as one.
      stream: 'stdout',
      text: space < 0 ? '' : line.slice(space + 1),
    }
  }
}

/** With nine digits and in UTC, so that it sorts as text. */
function normalTime(text: string): string | null {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text)
  if (!match) return null
  const [, seconds, fraction = '', zone] = match
  const utc = zone === 'Z' ? seconds : new Date(`${seconds}${zone}`).toISOString().slice(0, 19)
  return `${utc}.${fraction.padEnd(9, '0')}Z`
}

export function passes(line: LogLine, query: LogQuery): boolean {
  if (query.after !== undefined && line.id <= query.after) return false
  if (query.since !== undefined && line.at < query.since) return false
  if (query.until !== undefined && line.at > query.until) return false
  return query.grep === undefined || line.text.includes(query.grep)
}

/** The second from which the server is asked, ISO 8601; it knows nothing finer. */
export function sinceOf(query: LogQuery, cursor: string | null): string | undefined {
  const from = cursor ?? query.after
  if (from !== undefined) return `${from.slice(0, 19)}Z`
  return query.since === undefined ? undefined : `${query.since.slice(0, 19)}Z`
}
