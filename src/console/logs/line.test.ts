import { describe, expect, test } from 'vitest'
import { coloured, readLine, readSearch, splitBy } from './line.ts'

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

  test.for([
    ['38;5;9', 1],
    ['38;5;196', null],
    ['38;2;31;32;33', null],
    ['48;5;1', null],
    ['1;38;5;2;4', 2],
  ] as const)('of newer terminals, %s, change nothing that they do not mean', ([codes, colour]) => {
    expect(coloured(`\u001b[${codes}mtext`)[0]).toMatchObject({ text: 'text', colour })
  })
})

describe('a search', () => {
  test('is text, whatever its case, or an expression between slashes', () => {
    expect(readSearch('Disk')!.matches('the disk')).toBe(true)
    expect(readSearch('/^the d.sk$/')!.matches('the disk')).toBe(true)
    expect(readSearch('/THE/')!.matches('the disk')).toBe(false)
    expect(readSearch('/THE/i')!.matches('the disk')).toBe(true)
    expect(readSearch('/(/')).toBe(null)
  })

  test.for([
    ['is', 'This is', [false, true, false, true]],
    ['/i./i', 'This is', [false, true, false, true]],
    ['/x*/', 'a', [false]],
    ['', 'a', [false]],
  ] as const)('for %s marks what it found in %s', ([search, text, found]) => {
    const parts = splitBy(text, readSearch(search)!.rangesIn(text))
    expect(parts.map((part) => part.text).join('')).toBe(text)
    expect(parts.map(({ isFound }) => isFound)).toEqual(found)
  })
})
