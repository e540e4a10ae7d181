import { expect, test } from 'vitest'
import { type Asked, countedSince, judge, passingsOf } from './passing.ts'

const NOW = Date.parse('2026-01-01T12:00:00Z')
const calls = { app: 'reports', kept: 0, lost: 0, untraced: 0, at: '2026-01-01T11:59:00Z' }
const asked = (to: object, more: Partial<Asked> = {}, seesAll = true): Asked => ({
  ...{ app: 'missions', environment: 'stage', space: null, needs: ['reports'] },
  passes: { asked: 4, seesAll, to: [{ ...calls, ...to }] },
  ...more,
})
const messages = (one: Asked) => judge([one], NOW).map(({ message }) => message)

test('an app whose calls of the same trace lack the space is named, with the call and the mend', () => {
  const [check] = judge([asked({ lost: 2, kept: 1 })], NOW)
  expect(check).toMatchObject({ ok: false, mend: expect.stringContaining('baggage') })
  expect(check!.message).toBe(
    'missions in stage loses the space when it calls reports: 2 of 3 calls came without it; calls to reports then go on in stage',
  )
  expect(messages(asked({ lost: 1 }, { space: 'mine' }))[0]).toContain('missions in mine over stage loses')
})

test('where not every call is seen, an app between may be the one', () => {
  expect(messages(asked({ lost: 1 }, {}, false))[0]).toContain(
    'missions in stage, or an app between it and reports, loses',
  )
})

test('calls without any trace count where the app needs whom they reached, none carried the space, and they are many', () => {
  expect(messages(asked({ untraced: 4 }))[0]).toContain('asked 4 times in a space, 4 calls came meanwhile')
  expect(messages(asked({ untraced: 2 }))).toEqual([])
  const many = (seesAll: boolean) => {
    const one = asked({ untraced: 3 }, {}, seesAll)
    return messages({ ...one, passes: { ...one.passes, asked: 10 } }).length
  }
  expect([many(true), many(false)]).toEqual([0, 1])
  expect(messages(asked({ untraced: 4 }, { needs: [] }))).toEqual([])
  expect(messages(asked({ untraced: 4, kept: 1 }))).toEqual([
    'apps that were asked in a space passed that on in every call that was seen',
  ])
})

test('what was long ago, or never asked, is not told', () => {
  expect(messages(asked({ lost: 2, at: '2026-01-01T10:00:00Z' }))).toEqual([])
  expect(judge([], NOW)).toEqual([])
})

test('of counts that went on, only what came since is judged, and all of it where a router began anew', () => {
  const now = asked({ kept: 3, lost: 2 })
  const before = { app: 'missions', space: null, asked: 2 }
  const since = (to: object[]) => countedSince([now], [{ ...before, to: to as never }])
  const [one] = since([{ app: 'reports', kept: 1, lost: 2, untraced: 0 }])
  expect(one!.passes).toMatchObject({ asked: 2, to: [{ kept: 2, lost: 0 }] })
  expect(passingsOf([one!], NOW)).toMatchObject([
    { from: 'missions', to: 'reports', ok: true, message: expect.stringContaining('2 of 2 calls') },
  ])
  expect(passingsOf(since([]), NOW)).toMatchObject([{ ok: false }])
  expect(countedSince([now], [{ ...before, asked: 9, to: [] }])[0]!.passes).toEqual(now.passes)
})
