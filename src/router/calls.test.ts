import { expect, test } from 'vitest'
import { createCallsSeen } from './calls.ts'

const TRACES = ['a', 'b'].map((letter) => `00-${letter.repeat(32)}-${'1'.repeat(16)}-01`) as [string, string]
const [T] = TRACES

function seen() {
  const calls = createCallsSeen(() => 5000)
  /** A request in a space, as the edge lets it in. */
  const enter = (service: string, copy: string | null = null, trace = T) =>
    calls.arrive({ service, traceparent: null, space: 'mine', isInside: false }, trace, () => copy)!
  const call = (service: string, given: { space?: string; traceparent?: string | null } = {}) =>
    calls.arrive(
      { service, traceparent: T, space: null, isInside: true, ...given },
      given.traceparent ?? T,
      () => null,
    )
  return { calls, enter, call }
}

test('an app that passes the space on is told from one that does not, and which app it called', () => {
  const { calls, enter, call } = seen()
  const over = enter('stage/web')
  call('stage/missions', { space: 'mine' })?.()
  over()
  const again = enter('stage/web')
  call('stage/reports')
  again()
  expect(calls.from('stage/web', null)).toEqual({
    asked: 2,
    to: {
      'stage/missions': { kept: 1, lost: 0, untraced: 0, at: null },
      'stage/reports': { kept: 0, lost: 1, untraced: 0, at: 5000 },
    },
  })
})

test('in a chain it is the one that was not seen to pass it on, not the one that waits for it', () => {
  const { calls, enter, call } = seen()
  enter('stage/web')
  call('stage/missions', { space: 'mine' })
  call('stage/reports')
  expect(calls.from('stage/missions', null)?.to).toMatchObject({ 'stage/reports': { lost: 1 } })
  expect(calls.from('stage/web', null)?.to).toEqual({
    'stage/missions': { kept: 1, lost: 0, untraced: 0, at: null },
  })
})

test('the copy of a space is another caller than the environment’s own', () => {
  const { calls, enter, call } = seen()
  enter('stage/web', 'mine')
  call('stage/reports')
  expect(calls.from('stage/web', null)).toBeNull()
  expect(calls.from('stage/web', 'mine')?.to).toMatchObject({ 'stage/reports': { lost: 1 } })
})

test('a call without any trace is put down to nobody where several could have made it, or none did', () => {
  const { calls, enter, call } = seen()
  call('stage/reports', { traceparent: null })
  const over = enter('stage/web')
  call('stage/reports', { traceparent: null })
  call('prod/reports', { traceparent: null })
  const other = enter('stage/missions', null, TRACES[1])
  call('stage/reports', { traceparent: null })
  other()
  over()
  call('stage/reports', { traceparent: null })
  expect(calls.from('stage/web', null)?.to).toEqual({
    'stage/reports': { kept: 0, lost: 0, untraced: 1, at: 5000 },
  })
  expect(calls.from('stage/missions', null)).toEqual({ asked: 1, to: {} })
})

test('a call of another trace, or of nobody who answers any more, is put down to nobody', () => {
  const { calls, enter, call } = seen()
  const over = enter('stage/web')
  call('stage/reports', { traceparent: TRACES[1] })
  over()
  call('stage/reports')
  expect(calls.from('stage/web', null)).toEqual({ asked: 1, to: {} })
})

test('what has left the table is forgotten', () => {
  const { calls, enter } = seen()
  enter('stage/web')()
  calls.forget(new Set(['stage/other']))
  expect(calls.from('stage/web', null)).toBeNull()
})
