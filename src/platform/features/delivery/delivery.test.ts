import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { artifact, type Control, openControl } from '../../../../test/control.ts'
import { serveForTest, type TestServer } from '../../../../test/serve.ts'
import type { Delivered } from '../releases/index.ts'
import { createDelivery } from './index.ts'
import { figuresOf } from './rules.ts'

const since = new Date('2026-03-01T00:00:00Z')
const now = new Date('2026-03-04T12:00:00Z')
let number = 0

/** `live`: how many minutes after it was made; null: it never was. */
function release(day: number, live: number | null, given: Partial<Delivered> = {}): Delivered {
  const createdAt = new Date(since.getTime() + (day - 1) * 86_400_000 + 36_000_000)
  number += 1
  return {
    ...{ app: 'web', number, reason: 'ship', state: live === null ? 'failed' : 'replaced', createdAt },
    liveAt: live === null ? null : new Date(createdAt.getTime() + live * 60_000),
    writtenAt: createdAt,
    ...given,
  }
}

const figures = (...releases: Delivered[]) => figuresOf(releases, { environment: 'prod', since, now })

describe('delivery figures', () => {
  test('say nothing rather than zero where nothing was delivered', () => {
    expect(figures().all).toEqual({
      ...{ deployments: 0, perDay: 0, leadTimeMedian: null, leadTimeNinetieth: null },
      ...{ rollouts: 0, failed: 0, rolledBack: 0, failurePercent: null },
    })
  })

  test('count what went live with code, by day, also on days without any', () => {
    const { all, days } = figures(
      release(1, 1),
      release(1, 1, { reason: 'promote' }),
      release(2, 1, { reason: 'config' }),
      release(4, null),
    )
    expect(all).toMatchObject({ deployments: 2, perDay: 0.5, rollouts: 4, failed: 1 })
    expect(days).toEqual([
      { day: '2026-03-01', deployments: 2, failures: 0 },
      { day: '2026-03-02', deployments: 0, failures: 0 },
      { day: '2026-03-03', deployments: 0, failures: 0 },
      { day: '2026-03-04', deployments: 0, failures: 1 },
    ])
  })

  test('take the time from the commit to being live, and of those the median', () => {
    const written = (hours: number) => ({
      writtenAt: new Date(since.getTime() + 36_000_000 - hours * 3_600_000),
    })
    const { all } = figures(release(1, 0, written(1)), release(1, 0, written(2)), release(1, 0, written(9)))
    expect(all).toMatchObject({ leadTimeMedian: 7200, leadTimeNinetieth: 32_400 })
  })

  test('count a rollback within the hour against what it took back, and not itself', () => {
    const back = (minutes: number) =>
      release(1, 1, {
        reason: 'rollback',
        createdAt: new Date(since.getTime() + 36_000_000 + minutes * 60_000),
      })
    expect(figures(release(1, 0), back(60)).all).toMatchObject({
      ...{ rollouts: 1, rolledBack: 1, failurePercent: 100 },
    })
    expect(figures(release(1, 0), back(61)).all).toMatchObject({ rolledBack: 0, failurePercent: 0 })
  })

  test('leave out what was given up, and what is still under way', () => {
    const { all } = figures(
      release(1, null, { state: 'aborted' }),
      release(1, null, { state: 'superseded' }),
      release(1, null, { state: 'rolling-out' }),
    )
    expect(all).toMatchObject({ rollouts: 0, failurePercent: null })
  })

  test('keep apps apart: another app’s rollback takes nothing back here', () => {
    const { apps } = figures(release(1, 0), release(1, 1, { app: 'api', reason: 'rollback' }))
    expect(apps.map(({ app, rolledBack }) => [app, rolledBack])).toEqual([
      ['web', 0],
      ['api', 0],
    ])
  })
})

describe('the figures of a platform', () => {
  let control: Control
  let server: TestServer
  beforeAll(async () => {
    control = await openControl()
    const { database } = control.test
    const clock = { now: () => new Date(control.engine.world.now()) }
    const order = async () => ['stage', 'prod']
    const delivery = createDelivery({ database, clock, order, releases: control.releases })
    server = await serveForTest({ database, routes: delivery.routes })
  })
  afterAll(async () => {
    await server?.close()
    await control?.close()
  })

  test('come from its releases', async () => {
    const written = new Date(control.engine.world.now() - 3_600_000).toISOString()
    const origin = { commit: 'abc', committedAt: written }
    const { rollout } = await control.ship({ app: 'web', content: artifact('e'.repeat(64)), origin })
    await control.until(rollout, 'live')
    const { all, apps } = await server.client.delivery.figures({ environment: 'stage', days: 7 })
    expect(all).toMatchObject({ deployments: 1, failurePercent: 0 })
    expect(all.leadTimeMedian).toBeGreaterThanOrEqual(3600)
    expect(apps.map(({ app }) => app)).toEqual(['web'])
  })

  test('are of the last environment where none is named, and of none that there is not', async () => {
    expect(await server.client.delivery.figures({})).toMatchObject({ environment: 'prod' })
    await expect(server.client.delivery.figures({ environment: 'nowhere' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
  })
})
