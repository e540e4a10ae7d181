import { expect, test } from 'vitest'
import type { EndpointSlice, Pod, Route } from '../cluster/objects.ts'
import { emptyStored, type Stored } from '../stored.ts'
import { followsPods, isEdgeMoved, isKnownSince } from './edge.ts'

const pod = (name: string, set: string, ready = true): Pod =>
  ({
    metadata: { name, labels: { 'towpath.dev/set': set } },
    spec: { containers: [] },
    status: { containerStatuses: [{ name: 'app', ready, restartCount: 0 }] },
  }) as unknown as Pod
const slice = (...endpoints: [name: string, ready: boolean][]): EndpointSlice =>
  ({
    endpoints: endpoints.map(([name, ready]) => ({ conditions: { ready }, targetRef: { name } })),
  }) as unknown as EndpointSlice
const route = (...controllers: (string | undefined)[]): Route =>
  ({
    status: { parents: controllers.map((controllerName) => ({ parentRef: { name: 'x' }, controllerName })) },
  }) as unknown as Route

const moved = (weights: Record<string, number>): Stored => ({
  ...emptyStored({ app: 'shop', environment: 'stage' }),
  edge: 'used',
  split: [{ weights }],
})
const pods = [pod('old', 'v1'), pod('next', 'v2')]

test('it has moved when it leads to the set that gets everything and to no other', () => {
  expect(isEdgeMoved(moved({ v2: 1 }), [slice(['old', true])], pods)).toBe(false)
  expect(isEdgeMoved(moved({ v2: 1 }), [slice(['old', true], ['next', true])], pods)).toBe(false)
  expect(isEdgeMoved(moved({ v2: 1 }), [slice(['next', false])], pods)).toBe(false)
  expect(isEdgeMoved(moved({ v2: 1 }), [slice(['old', false], ['next', true])], pods)).toBe(true)
})

test('nobody is waited for who is not ready, and nothing where several sets share or it is not used', () => {
  expect(isEdgeMoved(moved({ v2: 1 }), [slice()], [pod('old', 'v1'), pod('next', 'v2', false)])).toBe(true)
  expect(isEdgeMoved(moved({ v1: 1, v2: 1 }), [slice(['old', true])], pods)).toBe(true)
  expect(isEdgeMoved({ ...moved({ v2: 1 }), edge: 'made' }, [slice(['old', true])], pods)).toBe(true)
  expect(isEdgeMoved(moved({ v2: 1 }), null, pods)).toBe(true)
})

test('a Gateway follows pods where all who answered the route are known to', () => {
  expect(followsPods(route('traefik.io/gateway-controller'))).toBe(true)
  expect(followsPods(route('traefik.io/gateway-controller', 'networking.gke.io/gateway'))).toBe(false)
  expect(followsPods(route(undefined))).toBe(false)
  expect([followsPods(route()), followsPods(null)]).toEqual([null, null])
})

test('it is known a while after it began to lead to somebody', () => {
  expect([isKnownSince(null, 9000), isKnownSince(5000, 9000), isKnownSince(4000, 9000)]).toEqual([
    false,
    false,
    true,
  ])
})
