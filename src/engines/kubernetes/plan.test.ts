import { describe, expect, test } from 'vitest'
import type { SplitRule } from '../engine.ts'
import { plan, probableNext, probableSplit } from './plan.ts'
import { emptyStored, type Stored, type StoredSet, takeOver } from './stored.ts'

const set = (id: string, count = 1): StoredSet => ({
  id,
  release: Number(id.slice(1)),
  image: `shop:${id}`,
  artifact: id,
  trees: [],
  config: 'shop--config-1',
  keys: [],
  needs: [],
  processes: {
    web: { command: 'serve', count, bootSeconds: 60, graceSeconds: 30, surgePercent: 25 },
  },
})
const all = (id: string): SplitRule[] => [{ weights: { [id]: 1 } }]
const wish = (sets: StoredSet[], split: SplitRule[]) => ({
  sets,
  split,
  crons: [],
  restarts: {},
  closed: false,
})
const serving = (): Stored => ({
  ...takeOver(emptyStored({ app: 'shop', environment: 'stage' }), 1, wish([set('v1')], all('v1'))),
  split: all('v1'),
  served: all('v1'),
})
const facts = (ready: Record<string, number>, isRouted = true, reachable = ready) => ({
  ready: new Map(Object.entries(ready)),
  told: new Map(Object.entries(ready)),
  reachable: new Map(Object.entries(reachable)),
  isRouted,
  isShared: false,
  follows: null as boolean | null,
  isEdgeKnown: false,
})

describe('what may move', () => {
  test('traffic waits until every process of the next set is ready', () => {
    const asked = takeOver(serving(), 2, wish([set('v1'), set('v2', 2)], all('v2')))
    expect(plan(asked, facts({ v1: 1, v2: 1 })).split).toEqual(all('v1'))
    expect(plan(asked, facts({ v1: 1, v2: 2 })).split).toEqual(all('v2'))
  })

  test('traffic waits until whoever routes can know of the processes that are ready', () => {
    const asked = takeOver(serving(), 2, wish([set('v2')], all('v2')))
    expect(plan(asked, facts({ v1: 1, v2: 1 }, true, { v1: 1 })).split).toEqual(all('v1'))
    expect(plan(asked, facts({ v1: 1, v2: 1 })).split).toEqual(all('v2'))
  })

  test('what serves is kept although it is no longer asked for, until whoever routes was seen to route past it', () => {
    const asked = takeOver(serving(), 2, wish([set('v2')], all('v2')))
    const ids = (stored: Stored) => stored.retained.map(({ id }) => id)
    expect(ids(plan(asked, facts({ v1: 1 })))).toEqual(['v1'])
    const moved = plan(asked, facts({ v1: 1, v2: 1 }))
    expect([moved.split, ids(moved), moved.served]).toEqual([all('v2'), ['v1'], all('v1')])
    expect(plan(moved, facts({ v1: 1, v2: 1 }, false))).toBe(moved)
    const over = plan(moved, facts({ v1: 1, v2: 1 }))
    expect([ids(over), over.served]).toEqual([[], all('v2')])
    expect(plan(over, facts({ v2: 1 }))).toBe(over)
  })

  test('nothing is held back for those who no longer serve themselves', () => {
    const asked = takeOver(serving(), 2, wish([set('v2')], all('v2')))
    expect(plan(asked, facts({})).split).toEqual(all('v2'))
  })

  test('a change of weights between sets that serve needs one ready process of each', () => {
    const shared: Stored = {
      ...takeOver(serving(), 2, wish([set('v1', 3), set('v2', 3)], [{ weights: { v1: 1, v2: 2 } }])),
      split: [{ weights: { v1: 2, v2: 1 } }],
      served: [{ weights: { v1: 2, v2: 1 } }],
    }
    expect(plan(shared, facts({ v1: 1, v2: 1 })).split).toEqual([{ weights: { v1: 1, v2: 2 } }])
    expect(plan(shared, facts({ v1: 1 })).split).toEqual([{ weights: { v1: 2, v2: 1 } }])
  })

  test('a set that is asked for again is no longer on its way out', () => {
    const away = takeOver(serving(), 2, wish([set('v2')], all('v2')))
    const back = takeOver(away, 3, wish([set('v1')], all('v1')))
    expect(back.retained.map(({ id }) => id)).toEqual(['v2'])
    expect(plan(back, facts({ v1: 1 })).retained).toEqual([])
  })
})

describe('the Service that moves from set to set', () => {
  const known = (ready: Record<string, number>, reachable = ready) => ({
    ...facts(ready, true, reachable),
    follows: true,
    isEdgeKnown: true,
  })
  const made: Stored = { ...serving(), edge: 'made' }
  const next = (stored: Stored, sets = [set('v1'), set('v2')], split = all('v2')) =>
    takeOver(stored, 2, wish(sets, split))

  test('is made where the Gateway follows pods, and the route leads there from the next switch on', () => {
    expect(plan(serving(), { ...known({ v1: 1 }), isEdgeKnown: false })).toEqual(made)
    expect(plan(serving(), { ...known({ v1: 1 }), follows: false })).toEqual(serving())
    expect(plan(made, known({ v1: 1 }))).toBe(made)
    const moved = plan(next(made), known({ v1: 1, v2: 1 }))
    expect([moved.split, moved.edge]).toEqual([all('v2'), 'used'])
  })

  test('moves as soon as a Service was seen to lead to the next set: nobody has to hear of that before', () => {
    const hurried = known({ v1: 1, v2: 1 }, { v1: 1 })
    expect(plan(next(made), hurried).split).toEqual(all('v2'))
    expect(plan(next(made), { ...hurried, told: new Map([['v1', 1]]) }).split).toEqual(all('v1'))
    expect(plan(next({ ...made, edge: 'used' }), { ...hurried, isEdgeKnown: false }).split).toEqual(all('v2'))
  })

  test('does not where it is not known yet, others ask the sets themselves, several sets share, or the Gateway has changed', () => {
    const hurried = known({ v1: 1, v2: 1 }, { v1: 1 })
    const shares: SplitRule[] = [{ weights: { v1: 1, v2: 1 } }]
    expect(plan(next(made), { ...hurried, isEdgeKnown: false }).split).toEqual(all('v1'))
    expect(plan(next(made), { ...hurried, isShared: true }).split).toEqual(all('v1'))
    expect(plan(next(made, [set('v1'), set('v2')], shares), hurried).split).toEqual(all('v1'))
    const other = { ...known({ v1: 1 }), follows: false }
    expect(plan({ ...made, edge: 'used' }, other)).toEqual(made)
  })

  test('what is rendered ahead is the newest set with everything', () => {
    const asked = next(made, [set('v1'), set('v2')], all('v1'))
    expect(probableSplit({ ...asked, split: all('v1') })).toEqual(all('v2'))
    expect(probableSplit({ ...next(made), split: all('v1') })).toEqual(all('v2'))
    expect(probableSplit(made)).toEqual(all('v1'))
  })

  test('and before that, one more set beside the one that serves', () => {
    const ahead = probableNext(made)
    expect(ahead?.desired.sets.map(({ id, release }) => [id, release])).toEqual([
      ['v1', 1],
      ['v2', 2],
    ])
    expect(probableSplit(ahead!)).toEqual(all('v2'))
    expect(probableNext(next(made))).toBeNull()
  })
})
