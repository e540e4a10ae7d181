import { expect, test } from 'vitest'
import type { App, AppInEnvironment } from '../../api/apps.ts'
import type { Drift } from '../../api/drift.ts'
import type { Space } from '../../api/spaces.ts'
import { needsOf } from './needs.ts'

const place = (environment: string, more: Partial<AppInEnvironment> = {}) =>
  ({ environment, state: 'healthy', reason: null, rollout: null, ...more }) as AppInEnvironment
const app = (name: string, ...environments: AppInEnvironment[]) => ({ name, environments }) as App
const NOTHING = { apps: [], checks: [], drift: [], spaces: [] }
const titles = (told: Partial<Parameters<typeof needsOf>[0]>) =>
  needsOf({ ...NOTHING, ...told }).map(({ title }) => title)

test('what is well needs nobody', () => {
  expect(titles({ apps: [app('shop', place('stage'), place('prod', { state: 'rolling-out' }))] })).toEqual([])
})

test('what is worst comes first: down, failed, then what is worth a look', () => {
  const failed = { id: 'o_1', release: 7, phase: 'failed' as const }
  const drift: Drift = {
    ...{ app: 'shop', environment: 'prod', adoptable: false, since: '', lookedAt: '' },
    differences: [
      { message: 'a Service is gone', count: null },
      { message: 'a route leads elsewhere', count: null },
    ],
  }
  const told = {
    apps: [
      app('shop', place('stage', { state: 'degraded', reason: '1 of 2 web healthy' })),
      app('web', place('stage', { rollout: failed }), place('prod', { state: 'down' })),
    ],
    checks: [{ name: 'disk', ok: false, message: '0.2 GB free', mend: 'free some space' }],
    drift: [drift],
  }
  expect(titles(told)).toEqual([
    'web in stage: v7 did not go live',
    'web in prod is down',
    'The check “disk” fails',
    'shop in stage is degraded',
    'shop in prod was changed past Towpath',
  ])
  expect(needsOf({ ...NOTHING, drift: [drift] })[0]).toMatchObject({
    reason: 'a Service is gone, and 1 more',
    drift,
  })
})

test('what failed in a space of mine leads to the space', () => {
  const space = { name: 'mine', apps: [{ app: 'web', state: 'failed', message: 'it crashed' }] } as Space
  expect(needsOf({ ...NOTHING, spaces: [space] })).toMatchObject([
    { title: 'web in your space mine failed', reason: 'it crashed', space: 'mine', tone: 'bad' },
  ])
})
