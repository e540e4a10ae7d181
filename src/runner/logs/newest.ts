/** Finds where the newest N lines of several instances begin, from the newest files back, keeping ids alone. */
import { readFile } from 'node:fs/promises'
import { setImmediate as others } from 'node:timers/promises'
import { parseLine, type StoredLine } from '../shim/lines.ts'
import { segmentNames } from '../shim/segments.ts'
import { type LogFolder, lineId } from './layout.ts'

/** Lines that are looked at before others get their turn. */
const TURN = 2000

interface Place {
  path: string
  facts: LogFolder
}

/** Ids of the newest lines that match, oldest first; none is older than `earliest`, in milliseconds. */
export async function newestIds(
  places: readonly Place[],
  matches: (line: StoredLine, facts: LogFolder) => boolean,
  count: number,
  earliest: number,
  signal: AbortSignal,
): Promise<string[]> {
  let ids: string[] = []
  let looked = 0
  /** Nothing older can be among the newest. */
  let floor = ''

  function cut(): void {
    ids.sort()
    if (ids.length < count) return
    ids = ids.slice(ids.length - count)
    floor = ids[0]!
  }

  for (const { path, facts } of places) {
    for (const name of segmentNames(path).reverse()) {
      if (signal.aborted) return []
      // A segment is of bounded size, and of one instance.
      const content = await readFile(`${path}/${name}`).catch(() => Buffer.alloc(0))
      let first: StoredLine | null = null
      for (let start = 0, end = content.indexOf(10); end !== -1; end = content.indexOf(10, start)) {
        const line = parseLine(content.toString('utf8', start, end))
        start = end + 1
        if (!line) continue
        if (++looked % TURN === 0) await others()
        first ??= line
        const id = lineId(line.at, facts.instance, line.sequence)
        if (id >= floor && line.at >= earliest && matches(line, facts)) ids.push(id)
      }
      cut()
      const isEarly = first !== null && first.at < earliest
      if (isEarly || (first && lineId(first.at, facts.instance, first.sequence) < floor)) break
    }
  }
  cut()
  return ids
}
