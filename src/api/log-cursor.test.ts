import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CURSOR_LENGTH, cursorAt, openLogCursor } from './log-cursor.ts'

const id = (at: number, instance: string, sequence: number) =>
  `${cursorAt(at)}-${instance}-${String(sequence).padStart(12, '0')}`

test('a cursor that was broken off anywhere goes on with every line that was not told, late ones too, and no other', () => {
  const line = fc.record({
    instance: fc.constantFrom('web.1-aa', 'web.2-bb', 'worker.1-cc'),
    late: fc.nat(3000),
  })
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 60 }), fc.nat(), (lines, cut) => {
      const sequences = new Map<string, number>()
      const times = new Map<string, number>()
      const ids = lines.map(({ instance, late }, index) => {
        const sequence = sequences.get(instance) ?? 0
        sequences.set(instance, sequence + 1)
        const at = Math.max(times.get(instance) ?? 0, 10_000 + index * 500 - late)
        times.set(instance, at)
        return id(at, instance, sequence)
      })
      const told = cut % lines.length
      const cursor = openLogCursor()
      for (const one of ids.slice(0, told + 1)) cursor.pass(one)
      const again = openLogCursor(cursor.text())
      const known = new Set(ids.slice(0, told + 1).map((one) => one.slice(14, -13)))
      const ahead = ids.filter((one) => again.isAhead(one))
      // Of an instance that was never told of, what is older than the first line told was left out on purpose.
      const expected = ids.slice(told + 1).filter((one) => known.has(one.slice(14, -13)) || one > ids[0]!)
      expect(ahead).toEqual(expected)
    }),
  )
})

test('a cursor stays small however many instances there were, and forgets the oldest', () => {
  const cursor = openLogCursor()
  for (let n = 0; n < 500; n++)
    cursor.pass(id(1_700_000_000_000 + n, `abcdefghijklmnopqrstuvwx.1000-${n}`, n))
  expect(cursor.text().length).toBeLessThan(CURSOR_LENGTH)
  const again = openLogCursor(cursor.text())
  expect(again.isAhead(id(1_700_000_000_000, 'abcdefghijklmnopqrstuvwx.1000-0', 0))).toBe(false)
  expect(again.isAhead(id(1_700_000_000_499, 'abcdefghijklmnopqrstuvwx.1000-499', 500))).toBe(true)
})

test('one id alone, and a time alone, are cursors', () => {
  const one = openLogCursor(id(5000, 'web.1-aa', 7))
  expect(one.isAhead(id(5000, 'web.1-aa', 7))).toBe(false)
  expect(one.isAhead(id(5000, 'web.1-aa', 8))).toBe(true)
  expect(one.isAhead(id(4999, 'web.2-bb', 1))).toBe(false)
  const time = openLogCursor(cursorAt(5000))
  expect([time.isAhead(id(4999, 'x', 1)), time.isAhead(id(5000, 'x', 1))]).toEqual([false, true])
  const strange = openLogCursor('no id of ours')
  expect([strange.isAhead('no id of ours'), strange.isAhead('p')]).toEqual([false, true])
})
