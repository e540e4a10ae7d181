/**
 * The logs of a target: every pod that Kubernetes still knows, each container's life before this one too. A stream that
 * breaks is opened again where it was, so that no line is lost or told twice.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { LogLine, LogQuery } from '../../../api/logs.ts'
import type { Target } from '../../engine.ts'
import { type LineFilter, lineFilter } from '../../log-filter.ts'
import { type Cluster, hasStatus } from '../cluster/connect.ts'
import { objectPath } from '../cluster/kinds.ts'
import type { Pod } from '../cluster/objects.ts'
import { createLineReader, isWanted, type Life, lifeKey, livesOf, sinceOf } from './lines.ts'

export interface LogParts {
  cluster: Cluster
  target: Target
  pods(): Pod[]
  /** Settles at the next change of the target, or when the signal is aborted. */
  changed(signal: AbortSignal): Promise<void>
}

const REOPEN_MILLISECONDS = 300

export async function* readLogs(
  parts: LogParts,
  query: LogQuery,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const matches = await lineFilter(query)
  const found: LogLine[] = []
  const cursors = new Map<string, string>()
  const lives = parts
    .pods()
    .filter((pod) => isWanted(pod, query))
    .flatMap(livesOf)
  await Promise.all(lives.map((life) => readLife(parts, life, query, matches, signal, found, cursors)))
  found.sort((a, b) => (a.id < b.id ? -1 : 1))
  const kept = query.after === undefined ? found.slice(Math.max(0, found.length - query.lines)) : found
  for (const line of query.lines === 0 && query.after === undefined ? [] : kept) yield line
  if (query.follow && query.until === undefined) yield* follow(parts, query, matches, signal, cursors)
}

/** What is there of one life now. Only as much is kept as may be asked for. */
async function readLife(
  parts: LogParts,
  life: Life,
  query: LogQuery,
  matches: LineFilter,
  signal: AbortSignal,
  found: LogLine[],
  cursors: Map<string, string>,
): Promise<void> {
  const isPlain = query.after === undefined && query.grep === undefined && query.until === undefined
  const tailLines = isPlain ? Math.max(1, query.lines) : undefined
  const mine: LogLine[] = []
  try {
    for await (const line of linesOf(parts, life, { sinceTime: sinceOf(query, null), tailLines }, signal)) {
      cursors.set(lifeKey(life), line.id)
      if (!matches(line)) continue
      mine.push(line)
      if (query.after === undefined && mine.length > 2 * query.lines)
        mine.splice(0, mine.length - query.lines)
    }
  } catch (error) {
    if (signal.aborted) return
    // Not started yet, or gone already: there is nothing to read.
    if (!hasStatus(error, 400, 404, 500)) throw error
  }
  found.push(...mine)
}

async function* follow(
  parts: LogParts,
  query: LogQuery,
  matches: LineFilter,
  signal: AbortSignal,
  cursors: Map<string, string>,
): AsyncGenerator<LogLine> {
  const waiting: LogLine[] = []
  const followed = new Set<string>()
  const ending = new AbortController()
  const either = AbortSignal.any([signal, ending.signal])
  let wake = () => {}

  const look = () => {
    for (const life of parts
      .pods()
      .filter((pod) => isWanted(pod, query))
      .flatMap(livesOf)) {
      const key = lifeKey(life)
      if (followed.has(key)) continue
      followed.add(key)
      void followLife(life, key)
    }
  }
  const followLife = async (life: Life, key: string) => {
    const isCurrent = () =>
      parts.pods().some((pod) => livesOf(pod).some((one) => lifeKey(one) === key && !one.isPrevious))
    do {
      const cursor = cursors.get(key) ?? null
      const options = { sinceTime: sinceOf(query, cursor), follow: !life.isPrevious }
      try {
        for await (const line of linesOf(parts, life, options, either)) {
          const last = cursors.get(key)
          if (last !== undefined && line.id <= last) continue
          cursors.set(key, line.id)
          if (!matches(line)) continue
          waiting.push(line)
          wake()
          while (waiting.length > MOST_WAITING && !either.aborted) await delay(20)
        }
      } catch {
        // Opened again below, as long as it runs.
      }
      await delay(REOPEN_MILLISECONDS, undefined, { signal: either }).catch(() => {})
    } while (!either.aborted && isCurrent())
  }

  void (async () => {
    while (!either.aborted) {
      look()
      await parts.changed(either)
    }
    wake()
  })()
  try {
    while (!signal.aborted) {
      const next = waiting.shift()
      if (next) yield next
      else
        await new Promise<void>((resolve) => {
          wake = resolve
          if (waiting.length > 0 || signal.aborted) resolve()
        })
    }
  } finally {
    ending.abort()
  }
}

const MOST_WAITING = 10_000

async function* linesOf(
  { cluster, target }: LogParts,
  life: Life,
  options: { sinceTime?: string | undefined; tailLines?: number | undefined; follow?: boolean },
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const path = `${objectPath('Pod', cluster.namespace, life.pod.metadata.name)}/log`
  const query = { container: 'app', timestamps: true, previous: life.isPrevious || undefined, ...options }
  const stream = await cluster.stream(path, query, signal)
  const read = createLineReader(target, life)
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    rest += decoder.decode(chunk as Buffer, { stream: true })
    const lines = rest.split('\n')
    rest = lines.pop() as string
    for (const text of lines) {
      const line = read(text)
      if (line) yield line
    }
  }
}
