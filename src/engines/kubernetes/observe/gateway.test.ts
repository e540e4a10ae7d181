import { expect, test } from 'vitest'
import type { Route } from '../cluster/objects.ts'
import { beginMove, followMove, obeyedAt } from './gateway.ts'

const asked = { key: 'v2', askedAt: 900 }

const route = (uid: string, generation: number, observedGeneration: number | null): Route => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name: uid, uid, generation },
  status: {
    parents:
      observedGeneration === null
        ? []
        : [
            {
              parentRef: { name: 'public' },
              conditions: [{ type: 'Accepted', status: 'True', observedGeneration }],
            },
          ],
  },
})

test('a route that is alone is obeyed since it was accepted', () => {
  expect(beginMove(asked, [route('mine', 2, 2), route('other', 5, 5)], 1000).since).toBe(1000)
})

test('while others that changed with it are not answered, nobody knows; then since the last of them', () => {
  const before = [route('mine', 2, 2), route('new', 1, null), route('changed', 4, 3)]
  let move = beginMove(asked, before, 1000)
  expect(move.since).toBeNull()
  move = followMove(move, [route('mine', 2, 2), route('new', 1, 1), route('changed', 4, 3)], 2000)
  expect(move.since).toBeNull()
  move = followMove(move, [route('mine', 2, 2), route('new', 1, 1), route('changed', 4, 4)], 3000)
  expect(move.since).toBe(3000)
})

test('what changes later is of a later turn, and what is gone is not waited for', () => {
  let move = beginMove(asked, [route('mine', 2, 2), route('other', 4, 3), route('going', 1, null)], 1000)
  move = followMove(move, [route('mine', 2, 2), route('other', 5, 4), route('newer', 1, null)], 2000)
  expect(move.since).toBe(2000)
  expect(followMove(move, [route('newer', 2, 1)], 3000).since).toBe(2000)
})

test('a route that no Gateway ever answers holds up nobody for long', () => {
  const routes = [route('mine', 2, 2), route('lost', 1, null)]
  const move = beginMove(asked, routes, 1000)
  expect(followMove(move, routes, 15_000).since).toBeNull()
  expect(followMove(move, routes, 16_000).since).toBe(16_000)
})

test('a Gateway that was late with its answer gets as long to obey, up to a limit', () => {
  const routes = [route('mine', 2, 2)]
  expect(obeyedAt(beginMove(asked, routes, 1000), 1500)).toBe(2500)
  expect(obeyedAt(beginMove(asked, routes, 3900), 1500)).toBe(6900)
  expect(obeyedAt(beginMove(asked, routes, 60_000), 1500)).toBe(65_000)
  expect(obeyedAt(beginMove({ key: 'v2', askedAt: 0 }, [], 0), 1500)).toBe(1500)
  expect(obeyedAt(beginMove(asked, [...routes, route('new', 1, null)], 1000), 1500)).toBe(
    Number.POSITIVE_INFINITY,
  )
})
