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
  expect(look([before], 1000)).toEqual([{ v1: 1 }, null])
  expect(look([before, slice('v2')], 2000)).toEqual([{ v1: 1 }, null])
  expect(look([before, slice('v2', ['next', false])], 3000)).toEqual([{ v1: 1 }, null])
  expect(look([before, slice('v2', ['next', true])], 4000)).toEqual([{ v1: 1 }, 400])
  expect(look([before, slice('v2', ['next', true])], 4300)).toEqual([{ v1: 1 }, 100])
  expect(look([before, slice('v2', ['next', true])], 4400)).toEqual([{ v1: 1, v2: 1 }, null])
  expect(look([before, slice('v2')], 5000)).toEqual([{ v1: 1 }, null])
  expect(look([before, slice('v2', ['next', true])], 6000)).toEqual([{ v1: 1 }, 400])
})

test('that the Service of the app leads to a pod says nothing about that of its set', () => {
  const endpoints = createEndpoints()
  expect(endpoints.look([old], [slice(null, ['old', true])], 1000).bySet).toEqual(new Map())
})

test('where Services may not be looked at, a ready pod counts after a while', () => {
  const endpoints = createEndpoints()
  expect(endpoints.look([old], null, 100_000).bySet).toEqual(new Map([['v1', 1]]))
  expect(endpoints.look([old, next], null, 101_000)).toEqual({ bySet: new Map([['v1', 1]]), wait: 3000 })
  expect(endpoints.look([old, next], null, 104_000).bySet.get('v2')).toBe(1)
})
