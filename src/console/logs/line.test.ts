import { describe, expect, test } from 'vitest'
import { coloured, matcher, readLine } from './line.ts'

describe('the level of a line', () => {
  test.for([
    ['ERROR: the disk is full', 'error'],
    ['2026-01-01 12:00:00 warning: slow query', 'warn'],
    ['TypeError: x is not a function', 'error'],
    ['{"level":50,"msg":"x"}', 'error'],
    ['{"level":"info","msg":"an error was mended"}', 'info'],
    ['{"severity":"WARNING"}', 'warn'],
    ['[debug] asked', 'debug'],
    ['GET / 200', null],
    ['{"msg":"half', null],
    ['errors: 0', null],
  ] as const)('of %s is %s', ([text, level]) => {
    expect(readLine(text).level).toBe(level)
  })
})

describe('colours', () => {
  test('of a terminal become pieces, and what else it would do is left out', () => {
    expect(coloured('a\u001b[31mred\u001b[1mbold\u001b[0mb\u001b[2Kc')).toEqual([
      { text: 'a', colour: null, isBold: false },
      { text: 'red', colour: 1, isBold: false },
      { text: 'bold', colour: 1, isBold: true },
      { text: 'b', colour: null, isBold: false },
      { text: 'c', colour: null, isBold: false },
    ])
  })
})

describe('a search', () => {
  test('is text, whatever its case, or an expression between slashes', () => {
    expect(matcher('Disk')!('the disk')).toBe(true)
    expect(matcher('/^the d.sk$/')!('the disk')).toBe(true)
    expect(matcher('/THE/')!('the disk')).toBe(false)
    expect(matcher('/THE/i')!('the disk')).toBe(true)
    expect(matcher('/(/')).toBe(null)
  })
})
