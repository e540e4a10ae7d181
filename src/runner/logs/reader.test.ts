import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openLogCursor } from '../../api/log-cursor.ts'
import { type LogLine, LogQuery } from '../../api/logs.ts'
import { missingCount } from '../shim/lines.ts'
import { openSegments, segmentNames } from '../shim/segments.ts'
import { openInstance } from './instance.ts'
import { readLogs } from './reader.ts'

const target = { app: 'web-app', environment: 'stage' }
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tow-reader-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('rotation, torn writes and new writers neither lose nor double a line for any reader, and what aged out is counted', async () => {
  const action = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ do: fc.constant('write' as const), lines: fc.integer({ min: 1, max: 12 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('die' as const), torn: fc.integer({ min: 0, max: 20 }) }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('read' as const), reader: fc.nat(2) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('again' as const), reader: fc.nat(2) }) },
  )
  const limits = fc.record({
    segmentBytes: fc.integer({ min: 40, max: 300 }),
    totalBytes: fc.constantFrom(600, 1200, 1_000_000),
  })
  await fc.assert(
    fc.asyncProperty(limits, fc.array(action, { minLength: 5, maxLength: 60 }), async (size, actions) => {
      const place = mkdtempSync(join(folder, 'one-'))
      let written = 0
      let writer = openSegments(place, size)
      const readers = [0, 1, 2].map(() => ({
        reader: openInstance(place, { at: 'sequence', sequence: -1 }),
        next: 0,
      }))
      const read = async (one: (typeof readers)[number]) => {
        const lines = await (await one.reader).next()
        for (const line of lines) {
          if (line.stream === 'm') one.next += missingCount(line.text)
          else expect([line.sequence, line.text]).toEqual([one.next++, `line ${line.sequence}`])
        }
        return lines.length
      }
      for (const act of actions) {
        if (act.do === 'write')
          writer.append(
            'o',
            Array.from({ length: act.lines }, () => `line ${written++}`),
          )
        else if (act.do === 'die') {
          writer.close()
          const newest = segmentNames(place).at(-1)
          if (newest)
            appendFileSync(`${place}/${newest}`, '1764143640000 9 o torn by kill'.slice(0, act.torn))
          writer = openSegments(place, size)
        } else if (act.do === 'read') await read(readers[act.reader]!)
        else {
          const one = readers[act.reader]!
          one.reader = openInstance(place, { at: 'sequence', sequence: one.next - 1 })
        }
      }
      writer.close()
      for (const one of readers) {
        while ((await read(one)) > 0);
        expect(one.next).toBe(written)
      }
    }),
    { numRuns: 150 },
  )
}, 30_000)

function writeLines(instance: string, lines: [at: number, text: string][], release = 1): void {
  const [process] = instance.split('.')
  let at = 0
  const writer = openSegments(
    `${folder}/${release}~${process}~${instance}`,
    { segmentBytes: 120, totalBytes: 1e6 },
    () => at,
  )
  for (const [time, text] of lines) {
    at = time
    writer.append('o', [text])
  }
  writer.close()
}

async function read(query: Partial<LogQuery>, matches: (line: LogLine) => boolean = () => true) {
  const found: LogLine[] = []
  const parsed = LogQuery.parse(query)
  const after = parsed.after === undefined ? null : openLogCursor(parsed.after)
  const wanted = (line: LogLine) => matches(line) && (after === null || after.isAhead(line.id))
  for await (const line of readLogs(folder, target, parsed, wanted, AbortSignal.timeout(10_000)))
    found.push(line)
  return found
}
const texts = async (...asked: Parameters<typeof read>) => (await read(...asked)).map(({ text }) => text)

test('lines of several instances come in the order of their time, the newest N where so many are asked for', async () => {
  writeLines(
    'web.1-aa',
    Array.from({ length: 50 }, (_, n) => [1000 + n * 10, `one ${n}`]),
  )
  writeLines(
    'web.2-bb',
    Array.from({ length: 50 }, (_, n) => [1005 + n * 10, `two ${n}`]),
  )
  const all = Array.from({ length: 50 }, (_, n) => [`one ${n}`, `two ${n}`]).flat()
  expect(await texts({ lines: 1000 })).toEqual(all)
  expect(await texts({ lines: 7 })).toEqual(all.slice(-7))
  expect(await texts({ lines: 0 })).toEqual([])
  expect(await texts({ lines: 3 }, (line) => line.text.endsWith('5'))).toEqual(['two 35', 'one 45', 'two 45'])
  expect(await texts({ lines: 1000, process: 'worker' })).toEqual([])
})

test('whoever goes on after a cursor is given the rest once, also what an instance told late', async () => {
  writeLines('web.1-aa', [
    [1000, 'a'],
    [3000, 'b'],
  ])
  const cursor = openLogCursor()
  for (const line of await read({ lines: 10 })) cursor.pass(line.id)
  writeLines('web.1-aa', [[4000, 'c']])
  writeLines('web.2-bb', [[2000, 'late']])
  expect(await texts({ after: cursor.text() })).toEqual(['late', 'c'])
  expect(await texts({ after: openLogCursor((await read({ lines: 1 }))[0]!.id).text() })).toEqual([])
})

test('what was removed before a follower came back for it is told as a number', async () => {
  writeLines(
    'web.1-aa',
    Array.from({ length: 40 }, (_, n) => [1000 + n, `line ${n}`]),
  )
  const [first] = await read({ lines: 40 })
  const place = `${folder}/1~web~web.1-aa`
  const names = segmentNames(place)
  for (const name of names.slice(0, 4)) rmSync(`${place}/${name}`)
  const left = 40 - Number.parseInt(names[4]!, 10)
  const rest = await read({ after: first!.id })
  expect(rest[0]).toMatchObject({ stream: 'platform', missing: 40 - left - 1 })
  expect(rest).toHaveLength(left + 1)
  // The number has an id of its own: whoever goes on after it is not told of it again.
  expect(await texts({ after: rest[0]!.id })).toEqual(rest.slice(1).map(({ text }) => text))
})

test('a follower without history is given what is written from then on, and one with an end ends', async () => {
  writeLines('web.1-aa', [[1000, 'before']])
  const stop = new AbortController()
  const seen: string[] = []
  const query = LogQuery.parse({ follow: true, lines: 0 })
  const following = (async () => {
    for await (const line of readLogs(folder, target, query, () => true, stop.signal)) {
      seen.push(line.text)
      if (seen.length === 2) stop.abort()
    }
  })()
  for (let n = 0; seen.length === 0 && n < 200; n++) {
    writeLines('web.1-aa', [[Date.now(), 'after']])
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  writeLines('worker.1-cc', [[Date.now(), 'a new instance']])
  await following
  expect(seen[0]).toBe('after')
  expect(
    await texts(
      { follow: true, lines: 5, until: new Date(1500).toISOString() },
      (line) => Date.parse(line.at) <= 1500,
    ),
  ).toEqual(['before'])
}, 20_000)
