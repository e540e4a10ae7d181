import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createLineCutter, formatLine, parseLine } from './lines.ts'

const cut = (chunks: Uint8Array[], limit?: number) => {
  const cutter = createLineCutter(limit)
  return [...chunks.flatMap((chunk) => cutter.push(chunk)), ...cutter.rest()]
}

test('lines come out whole however the bytes arrive', () => {
  const line = fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => text.replace(/[\p{Cc}]/gu, ''))
  fc.assert(
    fc.property(
      fc.array(
        line.filter((text) => text !== ''),
        { minLength: 1 },
      ),
      fc.nat(7),
      (lines, size) => {
        const bytes = Buffer.from(lines.join('\n'))
        const chunks = Array.from({ length: Math.ceil(bytes.length / (size + 1)) }, (_, index) =>
          bytes.subarray(index * (size + 1), (index + 1) * (size + 1)),
        )
        expect(cut(chunks)).toEqual(lines.map((text) => Buffer.from(text).toString()))
      },
    ),
  )
})

test('a line without an end is cut and marked, never inside a character', () => {
  const lines = cut([Buffer.from('ä'.repeat(100))], 33)
  expect(lines.length).toBeGreaterThan(3)
  expect(lines.slice(0, -1).every((line) => line.endsWith(' [line cut here by Towpath at 64 KiB]'))).toBe(
    true,
  )
  expect(lines.join('')).not.toContain('\uFFFD')
})

test('binary becomes safe text, and colours stay', () => {
  expect(cut([Buffer.from([0x61, 0, 0xff, 0x62, 10])])).toEqual(['a\uFFFD\uFFFDb'])
  expect(cut([Buffer.from('\u001b[31mred\u001b[0m\tx\r\n')])).toEqual(['\u001b[31mred\u001b[0m\tx'])
})

test('a stored line reads back, and half of one is not taken for a line', () => {
  expect(parseLine(formatLine(17, 4, 'e', ' two  spaces').trimEnd())).toEqual({
    at: 17,
    sequence: 4,
    stream: 'e',
    text: ' two  spaces',
  })
  expect(parseLine('17 4')).toBeNull()
})

test('an endless line is held in pieces of one line’s length, whatever is in it', () => {
  const cutter = createLineCutter(1000)
  let lines = 0
  for (let n = 0; n < 2000; n++) lines += cutter.push(Buffer.alloc(700, n % 2 === 0 ? 0x80 : 0x61)).length
  expect(lines).toBeGreaterThanOrEqual(1390)
  expect(Buffer.byteLength(cutter.rest()[0]!)).toBeLessThan(4000)
})

test('colours stay whole when a line is not cut inside them, and what is passed over ends with its line', () => {
  const cutter = createLineCutter()
  expect(cutter.push(Buffer.from('\u001b[1;32mgr\u001b[0m\nbeg'))).toEqual(['\u001b[1;32mgr\u001b[0m'])
  cutter.skip(Buffer.from('un\nwhole\nhalf'))
  expect(cutter.push(Buffer.from('-done\nkept\n'))).toEqual(['kept'])
  expect(cutter.takeSkipped()).toBe(3)
  expect(cutter.takeSkipped()).toBe(0)
})
