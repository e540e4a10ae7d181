import { expect, test } from 'vitest'
import type { Space, SpaceApp } from '../../api/spaces.ts'
import { filterSpaces, stateOf } from './words.ts'

const app = (name: string, state: SpaceApp['state'], swap: SpaceApp['swap'] = null) =>
  ({ app: name, state, swap }) as SpaceApp
const space = (name: string, owner: string, apps: SpaceApp[], more: Partial<Space> = {}) =>
  ({ name, owner, environment: 'stage', branch: null, removing: false, apps, ...more }) as Space

const SWAP = { by: 'bob', since: '2026-01-01T00:00:00Z', until: '2026-01-01T01:00:00Z' }
const ALL = [
  space('pr-7', 'ci', [app('web', 'asleep')], { branch: 'fix-map' }),
  space('bobs', 'bob', [app('missions', 'live', SWAP), app('web', 'failed')]),
  space('mine', 'ann', [app('web', 'live')], { environment: 'qa' }),
]
const names = (spaces: Space[]) => spaces.map(({ name }) => name)

test('mine come first, and the others in the order in which they were told', () => {
  expect(names(filterSpaces(ALL, {}, 'ann'))).toEqual(['mine', 'pr-7', 'bobs'])
})

test('every word is looked for in the name, the owner, the branch and the apps', () => {
  expect(names(filterSpaces(ALL, { q: 'FIX web' }, 'ann'))).toEqual(['pr-7'])
  expect(names(filterSpaces(ALL, { q: 'missions' }, 'ann'))).toEqual(['bobs'])
  expect(filterSpaces(ALL, { q: 'missions pr' }, 'ann')).toEqual([])
})

test.for([
  [{ state: 'asleep' }, ['pr-7']],
  [{ state: 'awake' }, ['mine', 'bobs']],
  [{ state: 'failed' }, ['bobs']],
  [{ state: 'has traffic' }, ['bobs']],
  [{ environment: 'qa' }, ['mine']],
  [{ owner: 'ci' }, ['pr-7']],
  [{ state: 'no such state' }, ['mine', 'pr-7', 'bobs']],
] as const)('%j leaves %j', ([filter, left]) => {
  expect(names(filterSpaces(ALL, filter, 'ann'))).toEqual(left)
})

test('a space is as its worst app is; one that is on its way out says so', () => {
  expect(ALL.map(stateOf)).toEqual(['asleep', 'failed', 'live'])
  expect(stateOf({ ...ALL[1]!, removing: true })).toBe('removing')
  expect(stateOf(space('new', 'ann', []))).toBeNull()
})
