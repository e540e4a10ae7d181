import { describe, expect, test } from 'vitest'
import type { Target } from '../../engine.ts'
import { emptyStored, type Stored } from '../stored.ts'
import { type SeenSet, viewOf } from './view.ts'

const base: Target = { app: 'shop', environment: 'stage' }
const mine: Target = { ...base, space: 'mine' }
const web: Target = { app: 'web', environment: 'stage' }

function storedOf(target: Target, count = 1, more: Partial<Stored> = {}): Stored {
  const process = { command: 'x', count, bootSeconds: 5, graceSeconds: 5, surgePercent: 25 }
  const set = { id: 'v1', release: 1, image: 'x', artifact: 'x', trees: [], config: 'x', keys: [], needs: [] }
  const empty = emptyStored(target)
  const sets = [{ ...set, processes: { web: process } }]
  return {
    ...empty,
    generation: 1,
    desired: { ...empty.desired, sets },
    split: [{ weights: { v1: 1 } }],
    ...more,
  }
}

const up: SeenSet = { address: '10.0.0.1', ready: 1, hasEnded: false, problem: () => null }
const down: SeenSet = { ...up, ready: 0 }
const view = (stored: Stored[], seen: SeenSet = up, domain: string | null = 'apps.test') =>
  viewOf({ stored, seen: () => seen, domain })

describe('what lies over an environment in a cluster', () => {
  test('asks for nothing while there is no space', () => {
    const { isNeeded, overridden, hosts, environments } = view([storedOf(base), storedOf(web)])
    expect({ isNeeded, overridden: [...overridden], hosts, environments: [...environments] }).toEqual({
      isNeeded: false,
      overridden: [],
      hosts: [],
      environments: [],
    })
  })

  test('leads calls for the app that a space has a copy of, and every app is entered by the name of the space', () => {
    const { overridden, hosts, table } = view([storedOf(base), storedOf(web), storedOf(mine)])
    expect([...overridden]).toEqual(['stage/shop'])
    expect(hosts.sort()).toEqual(['shop--mine.apps.test', 'web--mine.apps.test'])
    expect(table.services['stage/shop']?.split).toEqual([
      { match: { space: 'mine' }, weights: { 'mine/v1': 1 }, hold: true },
      { weights: { v1: 1 } },
    ])
    expect(table.services['stage/web']?.split).toEqual([{ weights: { v1: 1 } }])
  })

  test('knows an app of the environment by its own domains too, and a copy by none', () => {
    const domains = [{ host: 'shop.example.com' }]
    const own = storedOf(base)
    const named = { ...own, desired: { ...own.desired, domains } }
    const { table, hosts } = view([named, storedOf(mine)])
    expect(table.services['stage/shop']?.hosts).toEqual(['shop.apps.test', 'shop.example.com'])
    expect(hosts).toEqual(['shop--mine.apps.test'])
  })

  test('leads the links of a space whose only copy was stopped to the environment, and no calls', () => {
    const stopped = { ...storedOf(mine), desired: emptyStored(mine).desired, split: [] }
    const { isNeeded, overridden, hosts, table } = view([storedOf(base), stopped])
    expect({ isNeeded, overridden: [...overridden], hosts }).toEqual({
      isNeeded: true,
      overridden: [],
      hosts: ['shop--mine.apps.test'],
    })
    expect(table.services['stage/shop']?.split).toEqual([{ weights: { v1: 1 } }])
    expect(view([storedOf(base), { ...stopped, removed: true }]).isNeeded).toBe(false)
  })

  test('forgets a space whose copy is going', () => {
    expect(view([storedOf(base), storedOf(mine, 1, { removed: true })]).isNeeded).toBe(false)
  })

  test('says why nobody of a copy serves: it sleeps, it starts, or it crashed', () => {
    const stateOf = (count: number, seen: SeenSet) =>
      view([storedOf(mine, count)], seen).table.services['stage/shop']?.sets['mine/v1']
    expect(stateOf(1, up)).toMatchObject({ state: 'up', endpoints: [{ host: '10.0.0.1', port: 80 }] })
    expect(stateOf(0, down)).toMatchObject({ state: 'asleep', endpoints: [] })
    expect(stateOf(1, down)).toMatchObject({ state: 'starting', endpoints: [] })
    const crashed = { ...down, problem: () => ({ code: 'crash-loop', message: 'web ended three times' }) }
    expect(stateOf(1, crashed)).toMatchObject({ state: 'crashed', problem: 'web ended three times' })
  })

  test('has one that ended in place tried all the same: it may be mended before anybody is told', () => {
    const { table } = view([storedOf(mine)], { ...up, hasEnded: true })
    const set = table.services['stage/shop']?.sets['mine/v1']
    expect(set).toMatchObject({ state: 'crashed', endpoints: [{ host: '10.0.0.1' }] })
  })

  test('never takes the word of a moment for the environment: the cluster knows who is ready there', () => {
    const { table } = view([storedOf(base), storedOf(mine)], down)
    expect(table.services['stage/shop']?.sets.v1?.endpoints).toHaveLength(1)
  })

  test('tells until when a copy takes the whole traffic', () => {
    const copy = storedOf(mine)
    copy.desired.overlay = { swap: { until: 123 } }
    const { swaps, table } = view([storedOf(base), copy])
    expect([...swaps]).toEqual([['stage/shop', 123]])
    expect(table.services['stage/shop']?.split[1]).toMatchObject({ weights: { 'mine/v1': 1 }, until: 123 })
  })
})
