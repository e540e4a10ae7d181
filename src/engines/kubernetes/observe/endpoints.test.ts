import { expect, test } from 'vitest'
import type { EndpointSlice, Pod } from '../cluster/objects.ts'
import { createEndpoints } from './endpoints.ts'

const pod = (name: string, set: string): Pod =>
  ({
    metadata: {
      name,
      labels: {
        'app.kubernetes.io/component': 'web',
        'towpath.dev/set': set,
        'towpath.dev/kind': 'process',
      },
    },
    spec: { containers: [] },
    status: { containerStatuses: [{ name: 'app', ready: true, restartCount: 0 }] },
  }) as unknown as Pod
const slice = (set: string | null, ...endpoints: [name: string, ready: boolean][]): EndpointSlice =>
  ({
    metadata: { name: `shop-${set}`, labels: set === null ? {} : { 'towpath.dev/set': set } },
    endpoints: endpoints.map(([name, ready]) => ({ conditions: { ready }, targetRef: { name } })),
  }) as unknown as EndpointSlice

const [old, next] = [pod('old', 'v1'), pod('next', 'v2')]
const before = slice('v1', ['old', true])

test('a ready pod counts a moment after its Service was seen to lead to it, and not before', () => {
  const endpoints = createEndpoints()
  const look = (slices: EndpointSlice[], now: number) => {
    const { bySet, wait } = endpoints.look([old, next], slices, now)
    return [Object.fromEntries(bySet), wait]
  }
  endpoints.look([old], [before], 1000)
  expect(look([before, slice('v2', ['next', false])], 2000)).toEqual([{ v1: 1 }, null])
  expect(look([before, slice('v2', ['next', true])], 2050)).toEqual([{ v1: 1 }, 250])
  expect(look([before, slice('v2', ['next', true])], 2299)).toEqual([{ v1: 1 }, 1])
  expect(look([before, slice('v2', ['next', true])], 2300)).toEqual([{ v1: 1, v2: 1 }, null])
  expect(look([before, slice('v2')], 5000)).toEqual([{ v1: 1 }, null])
})

test('that its Service leads to a pod is told at once', () => {
  const endpoints = createEndpoints()
  endpoints.look([old], [before], 1000)
  const told = (slices: EndpointSlice[]) => Object.fromEntries(endpoints.look([old, next], slices, 2000).told)
  expect(told([before, slice('v2', ['next', false])])).toEqual({ v1: 1 })
  expect(told([before, slice('v2', ['next', true])])).toEqual({ v1: 1, v2: 1 })
})

test('the later the news of a pod comes, the longer whoever routes is given', () => {
  const endpoints = createEndpoints()
  endpoints.look([old], [before], 1000)
  endpoints.look([old, next], [before], 2000)
  expect(endpoints.look([old, next], [before, slice('v2', ['next', true])], 3000).wait).toBe(2000)
  const late = createEndpoints()
  late.look([old], [before], 1000)
  late.look([old, next], [before], 2000)
  expect(late.look([old, next], [before, slice('v2', ['next', true])], 60_000).wait).toBe(5000)
})

test('that the Service of the app leads to a pod says nothing about that of its set', () => {
  const endpoints = createEndpoints()
  expect(endpoints.look([old], [slice(null, ['old', true])], 1000).bySet).toEqual(new Map())
})

test('where Services may not be looked at, a ready pod counts after a while', () => {
  const endpoints = createEndpoints()
  expect(endpoints.look([old], null, 100_000).bySet).toEqual(new Map([['v1', 1]]))
  const known = new Map([['v1', 1]])
  expect(endpoints.look([old, next], null, 101_000)).toEqual({ bySet: known, told: known, wait: 3000 })
  expect(endpoints.look([old, next], null, 104_000).bySet.get('v2')).toBe(1)
})
