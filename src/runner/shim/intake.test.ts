import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createBudget } from './budget.ts'
import { openIntake } from './intake.ts'
import { missingCount, parseLine } from './lines.ts'
import { openSegments, segmentNames } from './segments.ts'
import type { LogPolicy } from './spec.ts'

let folder: string
let time: number
beforeEach(() => {
  vi.useFakeTimers()
  time = 0
  folder = mkdtempSync(join(tmpdir(), 'tow-intake-'))
})
afterEach(() => {
  vi.useRealTimers()
  rmSync(folder, { recursive: true, force: true })
})

const stored = () =>
  segmentNames(folder)
    .flatMap((name) => readFileSync(`${folder}/${name}`, 'utf8').split('\n'))
    .flatMap((row) => parseLine(row) ?? [])

function open(kind: LogPolicy['kind'], paused: boolean[] = []) {
  const log = openSegments(folder, { segmentBytes: 4096, totalBytes: 100_000_000 })
  const intake = openIntake({
    log,
    policy: { kind, bytesPerSecond: 1000, burstBytes: 2000 },
    pause: () => void paused.push(true),
    resume: () => void paused.push(false),
    now: () => time,
  })
  const end = () => {
    const untold = intake.end()
    log.close()
    return untold
  }
  const pass = (milliseconds: number) => {
    time += milliseconds
    vi.advanceTimersByTime(milliseconds)
  }
  return { intake, end, pass }
}

test('a budget gives a burst at once, and then so much a second', () => {
  const budget = createBudget({ bytesPerSecond: 100, burstBytes: 50 }, () => time)
  budget.spend(80)
  expect(budget.credit()).toBe(-30)
  expect(budget.until(0)).toBe(300)
  time += 500
  expect(budget.credit()).toBe(20)
  time += 60_000
  expect(budget.credit()).toBe(50)
})

test('drop: whatever comes when, every line is kept or counted where it is missing, and nothing waits', () => {
  const piece = fc.record({
    stream: fc.constantFrom('o' as const, 'e' as const),
    size: fc.integer({ min: 1, max: 400 }),
    wait: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 1500 })),
  })
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 150 }), (pieces) => {
      rmSync(folder, { recursive: true, force: true })
      const paused: boolean[] = []
      const { intake, end, pass } = open('drop', paused)
      const written = { o: '', e: '' }
      let line = 0
      for (const { stream, size, wait } of pieces) {
        let text = ''
        while (text.length < size) text += `line ${line++}\n`
        // Cut anywhere: what comes next of this stream belongs to the same line.
        const chunk = text.slice(0, size)
        written[stream] += chunk
        intake.take(stream, Buffer.from(chunk))
        pass(wait)
      }
      expect(end()).toBe(0)
      const lines = stored()
      const missing = lines
        .filter(({ stream }) => stream === 'm')
        .reduce((sum, { text }) => sum + missingCount(text), 0)
      let count = missing
      for (const stream of ['o', 'e'] as const) {
        const whole = written[stream].replace(/\n$/, '').split('\n')
        const kept = lines.filter((one) => one.stream === stream).map(({ text }) => text)
        expect(isSubsequence(kept, whole)).toBe(true)
        count += kept.length - (written[stream] === '' ? 0 : whole.length)
      }
      expect(count).toBe(0)
      expect(paused).toEqual([])
      expect(lines.map(({ sequence }) => sequence)).toEqual(lines.map((_, index) => index))
    }),
    { numRuns: 100 },
  )
})

test('drop: lines are kept in runs, and the count is told a second after the flood though nothing more comes', () => {
  const { intake, end, pass } = open('drop')
  for (let n = 0; n < 100; n++) intake.take('o', Buffer.from(`${'x'.repeat(99)}\n`))
  expect(stored()).toHaveLength(20)
  pass(1000)
  expect(stored().at(-1)).toMatchObject({
    stream: 'm',
    text: expect.stringMatching(/^80 lines are missing here: it wrote faster than .* logs: drop$/),
  })
  end()
})

test('block: everything is kept, the reading waits until there is room again, and that is said once', () => {
  const paused: boolean[] = []
  const { intake, end, pass } = open('block', paused)
  for (let n = 0; n < 30; n++) intake.take('o', Buffer.from(`${'x'.repeat(99)}\n`))
  expect(paused[0]).toBe(true)
  pass(990)
  expect(paused.includes(false)).toBe(true)
  end()
  expect(stored().filter(({ stream }) => stream === 'o')).toHaveLength(30)
  expect(stored().filter(({ stream }) => stream === 'p')).toMatchObject([
    { text: expect.stringContaining('waits for its log') },
  ])
})

function isSubsequence(part: string[], whole: string[]): boolean {
  let at = 0
  for (const one of whole) if (part[at] === one) at++
  return at === part.length
}
