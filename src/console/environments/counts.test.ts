import { expect, test } from 'vitest'
import { changedCounts, countsBefore } from './counts.ts'

const count = (process: string, count: number) => ({
  message: `${process} is ${count}`,
  count: { process, count },
})

test('counts alone can be made again as somebody had made them', () => {
  expect(changedCounts([count('web', 5), count('worker', 0)])).toEqual({ web: 5, worker: 0 })
  expect(changedCounts([count('web', 5), { message: 'an image is another', count: null }])).toBe(null)
  expect(changedCounts([])).toBe(null)
})

test('before a drift was kept, a process had the count that was set by hand, zero too, or its source’s', () => {
  const overrides = [
    { process: 'web', count: 3 },
    { process: 'cron', count: 0 },
    { process: 'other', count: 9 },
  ]
  expect(countsBefore(['web', 'cron', 'worker'], overrides)).toEqual({ web: 3, cron: 0, worker: null })
})
