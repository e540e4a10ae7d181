/** What follows a kind of object, on a real API server that says that it has forgotten where the follower was. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openTestCluster, type TestCluster, withoutCluster } from '../testing.ts'
import type { Cluster } from './connect.ts'
import { type Followed, follow } from './follow.ts'
import { collectionPath, objectPath } from './kinds.ts'
import type { Secret } from './objects.ts'

let cluster: TestCluster
const ending = new AbortController()

beforeAll(async () => {
  if (withoutCluster === null) cluster = await openTestCluster()
})
afterAll(async () => {
  ending.abort()
  await cluster?.dispose()
})
beforeEach(({ skip }) => skip(withoutCluster !== null, withoutCluster ?? ''))

/** The first version that there ever was. */
const FIRST = '1'

const names = (followed: Followed<Secret>) =>
  followed
    .all()
    .map(({ metadata }) => metadata.name)
    .sort()
const put = (name: string) =>
  cluster.post(collectionPath('Secret', cluster.namespace), {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, labels: { test: 'follow' } },
  })
const remove = (name: string) =>
  cluster.admin.request('DELETE', objectPath('Secret', cluster.namespace, name))

/**
 * Where the follower has been is long forgotten, as it is to one that slept for an hour: its watches are asked for from the
 * first version of all, and the server itself answers that this has expired.
 */
function forgotten(isForgotten: () => boolean, listed: () => void): Cluster {
  return {
    ...cluster.admin,
    request(method, path, call) {
      listed()
      return cluster.admin.request(method, path, call)
    },
    stream: (path, query, signal) =>
      cluster.admin.stream(path, isForgotten() ? { ...query, resourceVersion: FIRST } : query, signal),
  }
}

test('a watch that has expired is begun anew from a list: nothing is missed, and nothing stays that is gone', async () => {
  const query = { watch: true, resourceVersion: FIRST }
  const path = collectionPath('Secret', cluster.namespace)
  const answer = await (await cluster.admin.stream(path, query, ending.signal)).toArray()
  expect(JSON.parse(Buffer.concat(answer).toString())).toMatchObject({
    type: 'ERROR',
    object: { code: 410, reason: 'Expired' },
  })

  let isForgotten = true
  let lists = 0
  await put('stays')
  await put('goes')
  const told: string[] = []
  const followed = follow<Secret>(
    forgotten(
      () => isForgotten,
      () => lists++,
    ),
    'Secret',
    {
      labelSelector: 'test=follow',
      signal: ending.signal,
      changed: (name, _before, after) => told.push(`${name} ${after ? 'is' : 'is gone'}`),
    },
  )
  await followed.synced
  expect(names(followed)).toEqual(['goes', 'stays'])
  await expect.poll(() => lists, { timeout: 20_000 }).toBeGreaterThan(1)
  await remove('goes')
  await put('comes')
  await expect.poll(() => names(followed), { timeout: 20_000 }).toEqual(['comes', 'stays'])
  expect(told).toEqual(expect.arrayContaining(['goes is gone', 'comes is']))

  isForgotten = false
  await put('last')
  await expect.poll(() => followed.get('last'), { timeout: 20_000 }).not.toBeNull()
  const before = lists
  await remove('last')
  await expect.poll(() => followed.get('last'), { timeout: 20_000 }).toBeNull()
  expect(lists).toBe(before)
})
