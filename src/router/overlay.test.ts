import { describe, expect, test } from 'vitest'
import type { Overlay } from '../api/overlay.ts'
import type { SplitRule } from '../api/split.ts'
import { type Copy, overlay, type Service } from './router.ts'
import { ruleFor } from './rules.ts'

const service = (app: string): Service => ({
  app,
  environment: 'stage',
  hosts: [`${app}.stage.localhost`],
  sets: { v12: { endpoints: [] } },
  split: [{ weights: { v12: 1 } }],
})

const copy = (app: string, space: string, asked: Overlay = {}, split?: SplitRule[]): Copy => ({
  app,
  space,
  // As unlucky as can be: the id of the environment's own set.
  sets: { v12: { endpoints: [], state: 'starting' } },
  split: split ?? [{ weights: { v12: 1 } }],
  overlay: asked,
})

const hostsOf = (app: string, space: string) => [`${app}--${space}.stage.localhost`]
const over = (own: Service[], copies: Copy[]) => overlay('stage', own, copies, hostsOf)

describe('what lies over an environment', () => {
  test('is nothing where there is no space: the services are what they were', () => {
    const web = service('web')
    expect(over([web], []).web).toBe(web)
  })

  test('puts the rules of each space above those of the app, and holds what they mean', () => {
    const { missions } = over([service('missions')], [copy('missions', 'other'), copy('missions', 'mine')])
    expect(missions!.split).toEqual([
      { match: { space: 'mine' }, weights: { 'mine/v12': 1 }, hold: true },
      { match: { space: 'other' }, weights: { 'other/v12': 1 }, hold: true },
      { weights: { v12: 1 } },
    ])
  })

  test('keeps sets apart that have the same id', () => {
    const { missions } = over([service('missions')], [copy('missions', 'other'), copy('missions', 'mine')])
    expect(Object.keys(missions!.sets)).toEqual(['v12', 'mine/v12', 'other/v12'])
    expect(missions!.sets['mine/v12']).toMatchObject({ space: 'mine', state: 'starting' })
    expect(missions!.sets.v12!.space).toBeUndefined()
  })

  test('lets a swap take the traffic of the environment for its time, and that of no other space', () => {
    const swapped = copy('missions', 'mine', { swap: { until: 2_000 } })
    const { split } = over([service('missions')], [swapped, copy('missions', 'other')]).missions!
    const meet = (space: string | null, now: number) => Object.keys(ruleFor(split, space, now)!.weights)
    expect(meet(null, 1_999)).toEqual(['mine/v12'])
    expect(meet('without-a-copy', 1_999)).toEqual(['mine/v12'])
    expect(meet('other', 1_999)).toEqual(['other/v12'])
    expect(meet(null, 2_000)).toEqual(['v12'])
    expect(meet('mine', 2_000)).toEqual(['mine/v12'])
  })

  test('enters every app of the environment by every space, whether or not the space has a copy of it', () => {
    const door = { key: 'k'.repeat(43), revoked: [] }
    const mine = copy('missions', 'mine', { door, banner: 'mine, a space of ann over stage' })
    const { web, missions } = over([service('web'), service('missions')], [mine, copy('web', 'other')])
    expect(web!.spaces).toEqual({
      mine: { hosts: ['web--mine.stage.localhost'], door, banner: 'mine, a space of ann over stage' },
      other: { hosts: ['web--other.stage.localhost'] },
    })
    expect(missions!.spaces!.mine!.door).toEqual(door)
    expect(web!.split).toEqual([
      { match: { space: 'other' }, weights: { 'other/v12': 1 }, hold: true },
      { weights: { v12: 1 } },
    ])
  })

  test('knows an app that a space alone has, in that space alone', () => {
    const { fresh } = over([service('web')], [copy('fresh', 'mine'), copy('web', 'other')])
    expect(fresh!.hosts).toEqual([])
    expect(Object.keys(fresh!.spaces!)).toEqual(['mine'])
    expect(ruleFor(fresh!.split, null, 0)).toBeNull()
    expect(ruleFor(fresh!.split, 'other', 0)).toBeNull()
  })

  test('lets a space through where its copy was stopped, and its links lead there', () => {
    const door = { key: 'k'.repeat(43), revoked: [] }
    const stopped = { ...copy('missions', 'mine', { door }, []), sets: {} }
    const { missions, web, fresh } = over(
      [service('missions'), service('web')],
      [stopped, { ...copy('fresh', 'mine', {}, []), sets: {} }],
    )
    expect(Object.keys(missions!.sets)).toEqual(['v12'])
    expect(ruleFor(missions!.split, 'mine', 0)!.weights).toEqual({ v12: 1 })
    for (const { spaces } of [missions!, web!]) expect(spaces!.mine!.door).toEqual(door)
    expect(fresh).toBeUndefined()
  })

  test('does not let a space through to the environment where its copy serves nobody yet', () => {
    const { split } = over([service('missions')], [copy('missions', 'mine', {}, [])]).missions!
    expect(ruleFor(split, 'mine', 0)!.weights).toEqual({})
  })

  test('guards a space by the strictest that its copies were told', () => {
    const key = 'k'.repeat(43)
    const told = over(
      [service('web')],
      [
        copy('missions', 'mine', { door: { key, revoked: ['one'] } }),
        copy('reports', 'mine', { door: { key, revoked: ['two'] } }),
        copy('web', 'mine'),
      ],
    )
    for (const { spaces } of Object.values(told)) {
      expect(spaces!.mine!.door!.key).toBe(key)
      expect(spaces!.mine!.door!.revoked.toSorted()).toEqual(['one', 'two'])
    }
  })
})
