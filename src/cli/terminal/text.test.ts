import { expect, test } from 'vitest'
import { age, bytes, clip, columns, duration } from './text.ts'

test('columns line up however cells are coloured', () => {
  expect(
    columns([
      ['a', 'b'],
      ['\u001b[32mlong\u001b[39m', 'c'],
    ]),
  ).toBe('a     b\n\u001b[32mlong\u001b[39m  c')
})

test('an age is told as a glance needs it', () => {
  const now = new Date('2026-01-01T12:00:00Z')
  expect(age('2026-01-01T11:59:20Z', now)).toBe('40 s')
  expect(age('2026-01-01T11:20:00Z', now)).toBe('40 min')
  expect(age('2025-12-29T12:00:00Z', now)).toBe('3 d')
  expect(age(null, now)).toBe('-')
})

test('sizes and durations carry their unit', () => {
  expect([bytes(12), bytes(2048), bytes(1.5 * 1024 ** 2), bytes(null)]).toEqual([
    '12 B',
    '2 kB',
    '1.5 MB',
    '-',
  ])
  expect([duration(12), duration(1500), duration(125_000)]).toEqual(['12 ms', '1.5 s', '2 min 5 s'])
})

test('a line is clipped to what fits, line ends and colours gone', () => {
  expect(clip('\u001b[31mone\ntwo\u001b[39m three', 9)).toBe('one two …')
})
