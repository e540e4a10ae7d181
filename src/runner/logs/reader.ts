/**
 * Reads the lines of a target: those of all its processes merged by time, the newest N or all after one, and then as
 * they are written. It shares nothing with the writers but the files, so a new runner goes on where the old one was.
 */
import { open, readdir } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { LogLine, LogQuery } from '../../api/logs.ts'
import type { Target } from '../shapes.ts'
import { parseLine } from '../shim/lines.ts'
import { segmentNames } from '../shim/segments.ts'
import { type LogFolder, lineId, parseLogFolder, timeOfId } from './layout.ts'

const POLL = 100
/** A line is on disk this long after its time at the latest, so what is older is complete and can be put in order. */
const SETTLED_AFTER = 150
const STREAMS = { o: 'stdout', e: 'stderr', p: 'platform' } as const

interface Position {
  segment: string
  offset: number
}

export async function* readLogs(
  folder: string,
  target: Target,
  query: LogQuery,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const positions = new Map<string, Position>()
  const matches = matcher(query)
  const until = query.until === undefined ? Number.POSITIVE_INFINITY : Date.parse(query.until)

  const history: LogLine[] = []
  for (const [name, facts] of await folders(folder, query)) {
    const from = await readBack(`${folder}/${name}`, facts, target, query, matches, history)
    positions.set(name, from)
    if (signal.aborted) return
  }
  history.sort(byId)
  const wanted =
    query.after === undefined && query.lines < history.length
      ? history.slice(history.length - query.lines)
      : history
  let last = query.after ?? ''
  let held: LogLine[] = []
  const settledBefore = () => (query.follow ? Date.now() - SETTLED_AFTER : Number.POSITIVE_INFINITY)
  for (const line of query.lines === 0 && query.after === undefined ? [] : wanted) {
    if (Date.parse(line.at) > settledBefore()) held.push(line)
    else {
      last = line.id
      yield line
    }
  }
  if (!query.follow) return

  while (!signal.aborted) {
    const overdue = Date.now() > until + SETTLED_AFTER
    for (const [name, facts] of await folders(folder, query)) {
      const position = positions.get(name) ?? { segment: '', offset: 0 }
      held.push(...(await readOn(`${folder}/${name}`, facts, target, position)).filter(matches))
      positions.set(name, position)
    }
    held.sort(byId)
    const settled = settledBefore()
    let count = 0
    while (count < held.length && Date.parse(held[count]!.at) <= settled) count++
    for (const line of held.slice(0, count)) {
      // Late, after its time was passed: told all the same, once.
      if (line.id !== last) yield line
      last = line.id
    }
    held = held.slice(count)
    if (overdue && held.length === 0) return
    await delay(POLL, undefined, { signal }).catch(() => {})
  }
}

function byId(one: LogLine, other: LogLine): number {
  return one.id < other.id ? -1 : one.id > other.id ? 1 : 0
}

function matcher(query: LogQuery): (line: LogLine) => boolean {
  const since = query.since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(query.since)
  const until = query.until === undefined ? Number.POSITIVE_INFINITY : Date.parse(query.until)
  return (line) => {
    const at = Date.parse(line.at)
    return (
      at >= since &&
      at <= until &&
      (query.after === undefined || line.id > query.after) &&
      (query.grep === undefined || line.text.includes(query.grep))
    )
  }
}

async function folders(folder: string, query: LogQuery): Promise<[string, LogFolder][]> {
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

/** From the newest segment back until there is enough; answers where the newest ended. */
async function readBack(
  folder: string,
  facts: LogFolder,
  target: Target,
  query: LogQuery,
  matches: (line: LogLine) => boolean,
  into: LogLine[],
): Promise<Position> {
  const names = segmentNames(folder)
  const earliest = Math.max(
    query.since === undefined ? 0 : Date.parse(query.since),
    query.after === undefined ? 0 : timeOfId(query.after),
  )
  const enough = query.after === undefined ? query.lines : Number.POSITIVE_INFINITY
  const position: Position = { segment: names.at(-1) ?? '', offset: 0 }
  let found = 0
  for (const name of names.reverse()) {
    const { text, bytes } = await readWhole(`${folder}/${name}`, 0)
    if (name === position.segment) position.offset = bytes
    const lines = toLines(text, facts, target)
    const good = lines.filter(matches)
    into.push(...(good.length > enough ? good.slice(good.length - enough) : good))
    found += good.length
    if (found >= enough || (lines[0] && Date.parse(lines[0].at) < earliest)) break
  }
  return position
}

/** What was written since; moves the position. Goes on to the next segment only when the last was read to its end. */
async function readOn(
  folder: string,
  facts: LogFolder,
  target: Target,
  position: Position,
): Promise<LogLine[]> {
  const lines: LogLine[] = []
  // The list first: whatever is in an older file was complete before a newer one was there.
  for (const name of segmentNames(folder)) {
    if (name < position.segment) continue
    if (name > position.segment) {
      position.segment = name
      position.offset = 0
    }
    const { text, bytes } = await readWhole(`${folder}/${name}`, position.offset)
    position.offset += bytes
    lines.push(...toLines(text, facts, target))
  }
  return lines
}

/** Whole lines from the offset on; empty where the file was collected meanwhile. */
async function readWhole(path: string, offset: number): Promise<{ text: string; bytes: number }> {
  const file = await open(path).catch(() => null)
  if (!file) return { text: '', bytes: 0 }
  try {
    const { size } = await file.stat()
    if (size <= offset) return { text: '', bytes: 0 }
    const buffer = Buffer.alloc(size - offset)
    const { bytesRead } = await file.read(buffer, 0, buffer.length, offset)
    const bytes = buffer.subarray(0, bytesRead).lastIndexOf(10) + 1
    return { text: buffer.toString('utf8', 0, bytes), bytes }
  } finally {
    await file.close()
  }
}

function toLines(text: string, facts: LogFolder, target: Target): LogLine[] {
  return text.split('\n').flatMap((row) => {
    const line = parseLine(row)
    if (!line) return []
    return [
      {
        id: lineId(line.at, facts.instance, line.sequence),
        at: new Date(line.at).toISOString(),
        app: target.app,
        environment: target.environment,
        release: facts.release,
        process: facts.process,
        instance: facts.instance,
        stream: STREAMS[line.stream],
        text: line.text,
      },
    ]
  })
}
