import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readSpace, withSpace } from './baggage.ts'
import { readHead } from './headers.ts'
import { ruleFor, stickTo, takeTurn } from './rules.ts'
import { isTraceparent, newTraceparent } from './trace.ts'

const weightsOf = fc.dictionary(fc.constantFrom('v1', 'v2', 'v3', 'v4'), fc.integer({ min: 1, max: 40 }), {
  minKeys: 1,
})

describe('turns', () => {
  test('any weights are kept exactly in every full round, and no set waits longer than its share', () => {
    fc.assert(
      fc.property(weightsOf, fc.integer({ min: 1, max: 3 }), (weights, rounds) => {
        const names = Object.keys(weights)
        const total = names.reduce((sum, name) => sum + weights[name]!, 0)
        const turns = new Map<string, number>()
        const seen: string[] = []
        for (let turn = 0; turn < total * rounds; turn++) seen.push(takeTurn(turns, weights, names))
        for (const name of names) {
          expect(seen.filter((one) => one === name).length).toBe(weights[name]! * rounds)
          const gaps = seen.flatMap((one, index) => (one === name ? [index] : []))
          for (let at = 1; at < gaps.length; at++) {
            expect(gaps[at]! - gaps[at - 1]!).toBeLessThanOrEqual(Math.ceil(total / weights[name]!) * 2)
          }
        }
      }),
    )
  })

  test('a set that comes and goes leaves the others their proportions', () => {
    const turns = new Map<string, number>()
    const weights = { v1: 3, v2: 1, v3: 5 }
    for (let turn = 0; turn < 7; turn++) takeTurn(turns, weights, ['v1', 'v2', 'v3'])
    const seen = Array.from({ length: 400 }, () => takeTurn(turns, weights, ['v1', 'v2']))
    expect(seen.filter((name) => name === 'v1').length).toBeGreaterThanOrEqual(295)
    expect(seen.filter((name) => name === 'v1').length).toBeLessThanOrEqual(305)
  })
})

describe('sticking', () => {
  test('raising one weight moves keys to that set alone, removing a set moves only its own', () => {
    fc.assert(
      fc.property(fc.uuid(), weightsOf, fc.integer({ min: 1, max: 40 }), (key, weights, more) => {
        const names = Object.keys(weights)
        const before = stickTo(key, weights, names)
        const [raised] = names as [string]
        const after = stickTo(key, { ...weights, [raised]: weights[raised]! + more }, names)
        expect(after === before || after === raised).toBe(true)
        if (names.length === 1) return
        const rest = names.filter((name) => name !== raised)
        if (before !== raised) expect(stickTo(key, weights, rest)).toBe(before)
      }),
    )
  })

  test('keys spread as the weights say', () => {
    const counts = { v1: 0, v2: 0 }
    for (let key = 0; key < 4_000; key++)
      counts[stickTo(`user-${key}`, { v1: 3, v2: 1 }, ['v1', 'v2']) as 'v1']++
    expect(counts.v1 / 4_000).toBeGreaterThan(0.72)
    expect(counts.v1 / 4_000).toBeLessThan(0.78)
  })
})

test('the first rule that matches and has not ended decides', () => {
  const rules = [
    { match: { space: 'mine' }, weights: { a: 1 }, until: 100 },
    { weights: { b: 1 }, until: 50 },
    { weights: { c: 1 } },
  ]
  expect(ruleFor(rules, 'mine', 99)).toBe(rules[0])
  expect(ruleFor(rules, 'mine', 100)).toBe(rules[2])
  expect(ruleFor(rules, null, 49)).toBe(rules[1])
  expect(ruleFor([], null, 0)).toBeNull()
})

describe('baggage', () => {
  const member = fc.tuple(
    fc.constantFrom('a', 'b', 'tow.spaces', 'x.tow.space'),
    fc.stringMatching(/^[\w%.-]{0,8}$/),
  )
  const space = fc.stringMatching(/^[a-z][a-z0-9]{0,10}$/)

  test('a space that is set can be read, one that is removed is gone, and other members stay', () => {
    fc.assert(
      fc.property(fc.array(member, { maxLength: 5 }), space, space, (members, one, other) => {
        const list = members.map(([key, value]) => `${key}=${value}`)
        const baggage = list.join(',') || null
        const set = withSpace(withSpace(baggage, one), other)
        expect(readSpace(set)).toBe(other)
        expect(withSpace(set, null)).toBe(baggage)
      }),
    )
  })

  test('whatever is said, what is read is a name or nothing', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const read = readSpace(`tow.space=${text}`)
        expect(read === null || /^[a-z][a-z0-9-]*$/.test(read)).toBe(true)
      }),
    )
  })
})

test('heads of any headers never throw and never pass on what belongs to one connection', () => {
  const name = fc.oneof(
    fc.constantFrom(
      'Connection',
      'Transfer-Encoding',
      'X-Forwarded-For',
      'x_forwarded_for',
      'TE',
      'Upgrade',
      'A',
      'B',
    ),
    fc.stringMatching(/^[A-Za-z-]{1,12}$/),
  )
  const value = fc.oneof(
    fc.constantFrom('close', 'a, b', 'keep-alive, A', 'chunked', 'trailers'),
    fc.string(),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 12 }), (pairs) => {
      const head = readHead(pairs.flat())
      if (typeof head === 'string') return
      for (let at = 0; at < head.kept.length; at += 2) {
        expect(head.kept[at]).not.toMatch(
          /^(?:connection|transfer-encoding|te|upgrade|x[-_]forwarded[-_]for)$/i,
        )
      }
    }),
  )
})

test('a trace that is made is one that would be kept', () => {
  expect(isTraceparent(newTraceparent())).toBe(true)
  expect(isTraceparent('00-00000000000000000000000000000000-b7ad6b7169203331-01')).toBe(false)
  expect(isTraceparent('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more')).toBe(false)
  expect(isTraceparent('01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more')).toBe(true)
  expect(isTraceparent('ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')).toBe(false)
})
