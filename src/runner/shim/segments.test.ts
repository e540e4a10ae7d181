import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parseLine } from './lines.ts'
import { openSegments, segmentNames } from './segments.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tow-segments-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const stored = () =>
  segmentNames(folder)
    .flatMap((name) => readFileSync(`${folder}/${name}`, 'utf8').split('\n'))
    .flatMap((row) => parseLine(row) ?? [])

test('rotation splits no line and doubles none', () => {
  const writer = openSegments(folder, { segmentBytes: 200, totalBytes: 100_000 })
  for (let i = 0; i < 300; i++) writer.append('o', [`line ${i}`])
  writer.close()
  expect(segmentNames(folder).length).toBeGreaterThan(10)
  expect(stored().map((line) => line.text)).toEqual(Array.from({ length: 300 }, (_, i) => `line ${i}`))
})

test('the oldest files go when the folder is full', () => {
  const writer = openSegments(folder, { segmentBytes: 200, totalBytes: 1000 })
  for (let i = 0; i < 300; i++) writer.append('o', [`line ${i}`])
  writer.close()
  const total = segmentNames(folder).reduce((sum, name) => sum + statSync(`${folder}/${name}`).size, 0)
  expect(total).toBeLessThan(1300)
  expect(stored().at(-1)!.text).toBe('line 299')
})

test('a writer that comes later goes on in order, even after half a line and with the clock set back', () => {
  const first = openSegments(folder, { segmentBytes: 1000, totalBytes: 10_000 }, () => 5000)
  first.append('o', ['one', 'two'])
  first.close()
  appendFileSync(`${folder}/${segmentNames(folder)[0]}`, '5001 2 o torn')
  const second = openSegments(folder, { segmentBytes: 1000, totalBytes: 10_000 }, () => 10)
  second.append('e', ['three'])
  second.close()
  expect(stored()).toMatchObject([
    { sequence: 0, text: 'one' },
    { sequence: 1, text: 'two' },
    { sequence: 2, text: 'three', at: 5000 },
  ])
})

test('lines that could not be written are counted, and the count is told when there is space again', () => {
  let broken = false
  const writer = openSegments(folder, { segmentBytes: 10, totalBytes: 10_000 }, () => {
    if (broken) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
    return 1
  })
  writer.append('o', ['kept'])
  broken = true
  writer.append('o', ['lost'])
  writer.append('o', ['lost', 'lost'])
  expect(writer.missing()).toBe(3)
  broken = false
  writer.append('o', ['back'])
  writer.close()
  expect(stored().map((line) => line.text)).toEqual([
    'kept',
    '3 lines are missing here: the disk was full or not writable',
    'back',
  ])
})

test('a write that stops half way keeps its whole lines, which may have been read, and counts the others', () => {
  const script = `
    import { openSegments } from ${JSON.stringify(new URL('./segments.ts', import.meta.url).href)}
    const writer = openSegments(${JSON.stringify(folder)}, { segmentBytes: 1e6, totalBytes: 1e7 }, () => 1)
    writer.append('o', Array.from({ length: 1000 }, (_, index) => 'line ' + index))
    process.stdout.write(String(writer.missing()))`
  const shell = `trap '' XFSZ; ulimit -f 2; exec "$0" --input-type=module -e "$1"`
  const missing = Number(execFileSync('sh', ['-c', shell, process.execPath, script], { encoding: 'utf8' }))
  expect(missing).toBeGreaterThan(0)
  expect(stored().map(({ text, sequence }) => [text, sequence])).toEqual(
    Array.from({ length: 1000 - missing }, (_, index) => [`line ${index}`, index]),
  )
  expect(stored().length).toBeGreaterThan(10)
})
