import { describe, expect, test } from 'vitest'
import type { Job, Pod } from './cluster/objects.ts'
import { isForgotten, outcomeOf } from './jobs.ts'

const job = (status: object, annotations: Record<string, string> = {}): Job =>
  ({ metadata: { name: 'shop--run-1', uid: 'u', annotations }, spec: {}, status }) as unknown as Job
const pod = (status: object, metadata: object = {}): Pod =>
  ({ metadata: { name: 'p', ...metadata }, spec: { containers: [] }, status }) as unknown as Pod
const ended = (terminated: object) => pod({ containerStatuses: [{ name: 'app', state: { terminated } }] })
const failed = { conditions: [{ type: 'Failed', status: 'True' }] }

describe('how a run ended', () => {
  test('is what its container says', () => {
    expect(outcomeOf(job({}), ended({ exitCode: 0 }))).toMatchObject({ state: 'succeeded', exit: 0 })
    expect(outcomeOf(job({}), ended({ exitCode: 5 }))).toMatchObject({
      state: 'failed',
      exit: 5,
      reason: 'exited with code 5',
    })
    const late = pod({ reason: 'DeadlineExceeded' })
    expect(outcomeOf(job(failed), late)).toMatchObject({
      state: 'failed',
      reason: 'ended because its time was up',
    })
    const evicted = pod({ reason: 'Evicted', message: 'low on memory' })
    expect(outcomeOf(job(failed), evicted)).toMatchObject({ reason: 'evicted from its node: low on memory' })
  })

  test('is not told before it is known, and is called unknown when nobody can know it any more', () => {
    expect(outcomeOf(job({ active: 1 }), null)).toBeNull()
    expect(outcomeOf(job(failed), pod({ phase: 'Running' }))).toBeNull()
    expect(outcomeOf(job(failed), null)).toMatchObject({
      state: 'unknown',
      reason: 'its pod was removed before it was known how it ended',
    })
  })

  test('is remembered for a week', () => {
    const endedAt = '2026-01-01T00:00:00.000Z'
    const over = job({}, { 'towpath.dev/outcome': JSON.stringify({ state: 'succeeded', endedAt }) })
    expect(isForgotten(over, Date.parse('2026-01-07T23:00:00Z'))).toBe(false)
    expect(isForgotten(over, Date.parse('2026-01-08T01:00:00Z'))).toBe(true)
    expect(isForgotten(job({ active: 1 }), Date.parse('2030-01-01T00:00:00Z'))).toBe(false)
  })
})
