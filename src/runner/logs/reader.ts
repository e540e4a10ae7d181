/**
 * Reads the lines of a target: those of all its instances merged by time, the newest N or all after a cursor, and then
 * as they are written. Memory is a chunk for each instance, however much there is. It runs where it is asked, not in
 * the runner, whose time belongs to requests; so a runner that is away keeps nobody from reading.
 */
import { readdir } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { openLogCursor } from '../../api/log-cursor.ts'
import type { LogLine, LogQuery } from '../../api/logs.ts'
import type { Target } from '../shapes.ts'
import { missingCount, type StoredLine } from '../shim/lines.ts'
import { type From, type InstanceReader, openInstance } from './instance.ts'
import { type LogFolder, lineId, parseLogFolder, timeOfId } from './layout.ts'
import { newestIds } from './newest.ts'

const POLL = 100
/** A line is on disk this long after its time at the latest, or it is told late; what is older can be put in order. */
const SETTLED_AFTER = 150
/** An instance that was silent for this many looks is looked at in every tenth alone. */
const SILENT_LOOKS = 600
/** Of an instance that came while it was followed, everything is told or counted. */
const FIRST: From = { at: 'sequence', sequence: -1 }
const STREAMS = { o: 'stdout', e: 'stderr', p: 'platform', m: 'platform' } as const

interface Source {
  reader: InstanceReader
  facts: LogFolder
  /** Read and not told yet, in order. */
  lines: LogLine[]
  told: number
  readAt: number
  silentLooks: number
  wants(line: LogLine): boolean
}

/** `matches` is the whole of the query's filter but its number of lines. */
export async function* readLogs(
  folder: string,
  target: Target,
  query: LogQuery,
  matches: (line: LogLine) => boolean,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const plan = await planOf(folder, target, query, matches, signal)
  const until = query.until === undefined ? Number.POSITIVE_INFINITY : Date.parse(query.until)
  const sources = new Map<string, Source>()
  for (let look = 0; !signal.aborted; look++) {
    const now = Date.now()
    for (const [name, facts] of query.follow || look === 0 ? await wantedFolders(folder, query) : []) {
      if (!sources.has(name)) {
        const isNew = look > 0
        const from = isNew ? FIRST : plan.from(facts.instance)
        sources.set(name, {
          ...{ reader: await openInstance(`${folder}/${name}`, from), facts, lines: [], told: 0 },
          ...{ readAt: 0, silentLooks: 0, wants: isNew ? matches : plan.wants },
        })
      }
    }
    for (const source of sources.values()) {
      if (source.silentLooks < SILENT_LOOKS || look % 10 === 0) await fill(source)
    }
    const settled = query.follow ? now - SETTLED_AFTER : Number.POSITIVE_INFINITY
    for (;;) {
      const first = firstOf(sources, settled)
      if (!first || signal.aborted) break
      yield first.lines[first.told++]!
      if (first.told === first.lines.length) await fill(first)
    }
    if (!query.follow) return
    const waits = [...sources.values()].some((source) => source.told < source.lines.length)
    if (now > until + SETTLED_AFTER && !waits) return
    await delay(POLL, undefined, { signal }).catch(() => {})
  }

  /** Reads on until there is something to tell, or nothing more for now. */
  async function fill(source: Source): Promise<void> {
    if (source.told < source.lines.length) return
    for (;;) {
      const stored = signal.aborted ? [] : await source.reader.next()
      source.lines = stored.map((line) => toLine(line, source.facts, target)).filter(source.wants)
      source.told = 0
      source.readAt = Date.now()
      source.silentLooks = stored.length > 0 ? 0 : source.silentLooks + 1
      if (source.lines.length > 0 || stored.length === 0) return
    }
  }
}

interface Plan {
  from(instance: string): From
  wants(line: LogLine): boolean
}

async function planOf(
  folder: string,
  target: Target,
  query: LogQuery,
  matches: (line: LogLine) => boolean,
  signal: AbortSignal,
): Promise<Plan> {
  if (query.after !== undefined) {
    const cursor = openLogCursor(query.after)
    // With a text that is searched for, what is missing since may have been read, and did not match.
    const exact = query.grep === undefined
    return {
      wants: matches,
      from(instance) {
        const sequence = cursor.sequenceOf(instance)
        if (sequence !== null && exact) return { at: 'sequence', sequence }
        return { at: 'time', milliseconds: timeOfId(cursor.floor()) }
      },
    }
  }
  if (query.lines === 0) return { wants: matches, from: () => ({ at: 'end' }) }
  const ids = await newestIds(
    (await wantedFolders(folder, query)).map(([name, facts]) => ({ path: `${folder}/${name}`, facts })),
    (line, facts) => matches(toLine(line, facts, target)),
    query.lines,
    query.since === undefined ? 0 : Date.parse(query.since),
    signal,
  )
  const [oldest, newest] = [ids[0], ids.at(-1)]
  if (oldest === undefined || newest === undefined)
    return { wants: query.follow ? matches : () => false, from: () => ({ at: 'start' }) }
  return {
    wants: (line) => line.id >= oldest && (query.follow || line.id <= newest) && matches(line),
    from: () => ({ at: 'time', milliseconds: timeOfId(oldest) }),
  }
}

/** The source whose next line is the oldest, among those whose time has come. */
function firstOf(sources: ReadonlyMap<string, Source>, settled: number): Source | null {
  let first: Source | null = null
  for (const source of sources.values()) {
    const line = source.lines[source.told]
    if (!line) continue
    // A clock that was set back must not hold lines up: what was read long enough ago is told as well.
    const isDue = Date.parse(line.at) <= settled || source.readAt <= settled
    if (isDue && (!first || line.id < first.lines[first.told]!.id)) first = source
  }
  return first
}

async function wantedFolders(folder: string, query: LogQuery): Promise<[string, LogFolder][]> {
  const names = await readdir(folder).catch(() => [])
  return names.flatMap((name) => {
    const facts = parseLogFolder(name)
    const wanted =
      facts !== null &&
      (query.process === undefined || facts.process === query.process) &&
      (query.release === undefined || facts.release === query.release)
    return wanted ? [[name, facts] as [string, LogFolder]] : []
  })
}

function toLine(line: StoredLine, facts: LogFolder, target: Target): LogLine {
  return {
    id: lineId(line.at, facts.instance, line.sequence),
    at: new Date(line.at).toISOString(),
    app: target.app,
    environment: target.environment,
    ...(target.space === undefined ? {} : { space: target.space }),
    release: facts.release,
    process: facts.process,
    instance: facts.instance,
    stream: STREAMS[line.stream],
    text: line.text,
    ...(line.stream === 'm' ? { missing: missingCount(line.text) } : {}),
  }
}
