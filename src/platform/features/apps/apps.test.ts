import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ADA, artifact, type Control, openControl } from '../../../../test/control.ts'
import { serveForTest, type TestServer } from '../../../../test/serve.ts'
import { createWhy } from '../why/index.ts'
import { type Apps, appInEnvironment, appMigrations, createApps, type Wanted } from './index.ts'

const TARGET = { app: 'web', environment: 'stage' }
let control: Control
let apps: Apps
let server: TestServer

beforeAll(async () => {
  control = await openControl({ migrations: appMigrations })
  const { database } = control.test
  const engines = async () => control.engine
  const order = async () => ['stage', 'prod']
  apps = createApps({
    ...{ database, engines, order },
    clock: { now: () => new Date(control.engine.world.now()) },
    access: {
      require() {},
      teamNames: async () => [],
      addTeam: () => Promise.reject(new Error('no teams here')),
    },
    wanted: (db, filter) => control.rollouts.overview(db, filter),
    newer: (db, lags) => control.releases.newer(db, lags),
    stop: async (change, app, by) => ({
      environments: await control.rollouts.remove(change, app, by),
      keptDatabases: ['web_stage'],
    }),
  })
  const { releases, rollouts } = control
  const domains = { list: async () => [] }
  const why = createWhy({ database, engines, apps, order, releases, rollouts, domains })
  server = await serveForTest({ database, routes: { ...apps.routes, ...why.routes } })
})
afterAll(async () => {
  await server.close()
  await control.close()
})

async function ship(app: string, delivery: Parameters<Control['ship']>[0] = {}) {
  await control.test.database.change(ADA, (change) =>
    apps.ensure(change, ADA, { name: app, owner: null, environment: 'stage' }),
  )
  return control.ship({ app, ...delivery })
}

async function whyStage(app: string) {
  const [answer] = await server.client.events.why({ app, environment: 'stage' })
  return answer!
}

describe('an app', () => {
  it('is shown by environment, as the engine sees it now', async () => {
    const { rollout } = await ship('web', { origin: { commit: 'abc123' }, counts: { web: 2 } })
    await control.until(rollout, 'live')
    expect(await server.client.apps.get({ app: 'web' })).toMatchObject({
      name: 'web',
      environments: [
        {
          ...{ environment: 'stage', release: 1, commit: 'abc123', state: 'healthy', reason: null },
          ...{ processes: { web: { wanted: 2, healthy: 2 } }, urls: ['http://web.stage.localhost'] },
        },
      ],
    })
    expect(await whyStage('web')).toMatchObject({ answer: 'v1 of web serves in stage and is healthy' })
  })

  it('is away, and not healthy, when its engine does not answer', async () => {
    control.engine.away('it was stopped')
    const [app] = await server.client.apps.list({})
    const answer = await whyStage('web')
    control.engine.away(null)
    expect(app?.environments[0]).toMatchObject({
      ...{ state: 'away', reason: 'the engine of stage does not answer: it was stopped', observedAt: null },
    })
    expect(answer.answer).toBe(
      'what runs of web in stage is not known: the engine of stage does not answer: it was stopped',
    )
    expect(answer.next).toContain('tow doctor')
  })

  it('that failed to move says what serves, why the new release does not, and what to do', async () => {
    control.engine.world.behave(TARGET, { outcome: 'crash' }, 2)
    const { rollout } = await ship('web', { description: 'Ship the map' })
    await control.until(rollout, 'failed')
    const answer = await whyStage('web')
    expect(answer.answer).toBe(
      'v1 of web serves in stage, and not v2: web of v2: it ended with 1 twice before it was healthy; v1 serves as before',
    )
    expect(answer.facts.map((fact) => fact.text)).toEqual([
      'v1 went live: Ship it, by ada',
      'v2 was made: Ship the map, by ada',
      expect.stringContaining('the rollout of v2 failed: web of v2'),
      'the engine saw 2 of 2 web healthy',
    ])
    expect(answer.facts[2]?.lines).toEqual(['Error: cannot find the map'])
    expect(answer.next).toContain('tow releases diff v1 v2 -a web -e stage')
  })

  it('that was stopped by hand says who did it', async () => {
    const scale = (count: number | null) =>
      control.test.database.change(ADA, (change) =>
        control.rollouts.scale(change, { ...TARGET, counts: { web: count }, reason: 'night', by: 'ada' }),
      )
    await scale(0)
    await control.passUntil(() => control.engine.world.observe(TARGET).settled)
    await control.passUntil(async () =>
      (await whyStage('web')).answer.includes('with no web process: ada scaled it to 0 (night)'),
    )
    await scale(null)
    await control.passUntil(async () => (await whyStage('web')).answer.startsWith('v1 of web serves'))
  })

  it('that was never there suggests the way, and one with a typo the name', async () => {
    const [, prod] = await server.client.events.why({ app: 'web' })
    expect(prod).toMatchObject({
      answer: 'web was never released to prod',
      next: ['tow promote web --to prod'],
    })
    await expect(server.client.apps.get({ app: 'wbe' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'there is no app "wbe"; did you mean web?',
    })
  })

  it('is removed only with its name, is stopped, and its databases are kept', async () => {
    await expect(server.client.apps.remove({ app: 'web', confirm: 'wb' })).rejects.toMatchObject({
      code: 'BAD_INPUT',
    })
    expect(await server.client.apps.remove({ app: 'web', confirm: 'web' })).toEqual({
      ...{ app: 'web', environments: ['stage'], keptDatabases: ['web_stage'] },
    })
    await control.passUntil(() => control.engine.world.observe(TARGET).sets.length === 0)
    expect(await server.client.apps.list({})).toEqual([])
  })
})

describe('a list of many apps', () => {
  it('asks each engine once', async () => {
    const shipped = await Promise.all(Array.from({ length: 20 }, (_, index) => ship(`app-${index}`)))
    for (const { rollout } of shipped) await control.until(rollout, 'live')
    const asked: string[] = []
    await control.rollouts.stop()
    control.engine.fault((call) => {
      asked.push(call)
      return null
    })
    const all = await server.client.apps.list({})
    control.engine.fault(() => null)
    await control.rollouts.start()
    expect(all).toHaveLength(20)
    expect(all.every((app) => app.environments[0]?.state === 'healthy')).toBe(true)
    expect(asked).toEqual(['observeAll'])
  })
})

describe('the state of an app', () => {
  const wanted: Wanted = {
    ...{ app: 'web', environment: 'stage', generation: 3, live: 2, rolling: null, counts: { web: 2 } },
    ...{ release: null, failed: null, rollout: null },
  }
  const observed = (states: ('healthy' | 'crashed')[], generation = 3) => ({
    observation: {
      ...{ target: TARGET, at: '2026-01-01T00:00:00Z', generation, settled: true, split: [], crons: [] },
      addresses: { public: [], internal: null },
      sets: [
        {
          ...{ id: 'v2', inFlight: 0 },
          processes: states.map((state, index) => ({
            ...{ id: `web.${index}`, process: 'web', set: 'v2', state, startedAt: '', restarts: 0 },
            ...(state === 'crashed' && { problem: { code: 'memory', message: 'it took more than 256 MB' } }),
          })),
        },
      ],
    },
  })

  it.each([
    [observed(['healthy', 'healthy']), 'healthy', null],
    [observed(['healthy', 'crashed']), 'degraded', '1 of 2 web healthy: it took more than 256 MB'],
    [observed(['crashed', 'crashed']), 'down', '0 of 2 web healthy: it took more than 256 MB'],
    [observed(['healthy', 'healthy'], 2), 'degraded', 'the engine is still taking over the last change'],
    [{ observation: null }, 'down', 'the engine does not know of it'],
    [{ away: 'gone' }, 'away', 'the engine of stage does not answer: gone'],
  ])('is what was seen, never better', (seen, state, reason) => {
    expect(appInEnvironment(wanted, seen)).toMatchObject({ state, reason })
  })
})

describe('an app behind the environment before it', () => {
  const inProd = async () =>
    (await server.client.apps.get({ app: 'late' })).environments.find(
      ({ environment }) => environment === 'prod',
    )
  const live = async (environment: string, letter: string) => {
    const content = artifact(letter.repeat(64))
    await control.test.database.change(ADA, (change) =>
      apps.ensure(change, ADA, { name: 'late', owner: null, environment }),
    )
    const { rollout } = await control.ship({ app: 'late', environment, content })
    await control.until(rollout, 'live')
    return rollout
  }

  it('says by how many releases of other code, and nothing where both serve the same', async () => {
    await live('stage', 'a')
    const rollout = await live('prod', 'a')
    expect(await inProd()).toMatchObject({
      behind: null,
      rollout: { id: rollout, release: 1, phase: 'live' },
    })
    // The same code once more is no other.
    for (const letter of ['b', 'c', 'b', 'b', 'd']) await live('stage', letter)
    expect(await inProd()).toMatchObject({ behind: { environment: 'stage', releases: 4 } })
  })

  it('does not count where its own was never there', async () => {
    await live('prod', 'e')
    expect(await inProd()).toMatchObject({ behind: { environment: 'stage', releases: null } })
  })
})
