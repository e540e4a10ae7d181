import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { artifact, type Control, openControl, runSpec } from '../../../../test/control.ts'
import { createModelEngine, type ModelEngine } from '../../../../test/model-engine.ts'
import { serveForTest, type TestServer } from '../../../../test/serve.ts'
import { createPipelines } from './index.ts'
import { ends } from './rules.ts'

let control: Control
let server: TestServer
let prod: ModelEngine

beforeEach(async () => {
  const engine = createModelEngine()
  prod = createModelEngine(engine.world)
  control = await openControl({ engine, engines: (name) => (name === 'prod' ? prod : engine) })
  const pipelines = createPipelines({
    database: control.test.database,
    engines: async (name) => (name === 'prod' ? prod : engine),
    order: async () => ['stage', 'prod'],
    releases: control.releases,
    rollouts: control.rollouts,
    countsFor: async (_db, _release, environment) => (environment === 'prod' ? { web: 2 } : null),
  })
  server = await serveForTest({ database: control.test.database, routes: pipelines.routes })
})
afterEach(async () => {
  await server.close()
  await control.close()
})

async function shipLive(app: string, delivery: Parameters<Control['ship']>[0] = {}) {
  const { rollout } = await control.ship({ app, ...delivery })
  await control.until(rollout, 'live')
}

async function pinned(apps: string[]) {
  const plans = await server.client.pipelines.plan({ apps })
  return plans.map((plan) => ({ app: plan.app, from: plan.from, release: plan.pinned?.id ?? '' }))
}

describe('a promotion', () => {
  it('moves the same artifact with the next environment’s own config and counts', async () => {
    control.config.set('web/stage', { plain: { REGION: 'eu' }, secrets: {} })
    control.config.set('web/prod', { plain: { REGION: 'us' }, secrets: { KEY: 1 } })
    await shipLive('web', { content: artifact('c'.repeat(64)) })
    const promoted = await server.client.pipelines.promote({ to: 'prod', apps: await pinned(['web']) })
    expect(promoted[0]?.release).toMatchObject({
      ...{ environment: 'prod', number: 1, artifact: 'c'.repeat(64), reason: 'promote' },
      description: 'Promote v1 from stage',
    })
    await control.until(promoted[0]?.rollout ?? '', 'live')
    expect(prod.configOf({ app: 'web', environment: 'prod' }, 'v1')).toMatchObject({
      REGION: 'us',
      KEY: 's3cret-1',
    })
    const running = prod.world
      .observe({ app: 'web', environment: 'prod' })
      .sets.flatMap((set) => set.processes)
    expect(running).toHaveLength(2)

    const [plan] = await server.client.pipelines.plan({ apps: ['web'] })
    expect(plan).toMatchObject({ unchanged: true, differences: [], refusals: [] })
    const again = await server.client.pipelines.promote({ to: 'prod', apps: await pinned(['web']) })
    expect(again[0]).toMatchObject({ rollout: null, release: { number: 1, state: 'live' } })
  })

  it('is refused when the pinned release is no longer what serves', async () => {
    await shipLive('web')
    const apps = await pinned(['web'])
    await shipLive('web', { content: artifact('d'.repeat(64)) })
    await expect(server.client.pipelines.promote({ to: 'prod', apps })).rejects.toMatchObject({
      code: 'REFUSED',
      message: 'v1 of web is no longer what serves in stage: v2 is',
    })
    expect(await control.releases.list(control.test.db, 'web', 'prod', 9)).toEqual([])
  })

  it('moves no app when one can’t, and tells every reason of every app at once', async () => {
    const variables = { API_KEY: { required: true, secret: true, generated: false } }
    control.config.set('reports/stage', { plain: {}, secrets: { API_KEY: 1 } })
    await shipLive('web')
    await shipLive('reports', { run: runSpec({ variables }) })
    prod.refuse('it needs linux/arm64, and this engine is linux/x64')
    const apps = await pinned(['web', 'reports'])
    await expect(server.client.pipelines.promote({ to: 'prod', apps })).rejects.toMatchObject({
      message: [
        'web does not run in prod: it needs linux/arm64, and this engine is linux/x64',
        'reports does not run in prod: it needs linux/arm64, and this engine is linux/x64',
        'reports requires API_KEY in prod, and it is not set',
      ].join('; '),
    })
    expect(await control.releases.list(control.test.db, 'web', 'prod', 9)).toEqual([])
  })

  it('is planned without any effect: what is missing, what differs, what stands in the way', async () => {
    control.config.set('web/prod', { plain: { REGION: 'us' }, secrets: {} })
    await shipLive('web')
    prod.away('the cluster is not reachable')
    const [plan, other] = await server.client.pipelines.plan({ apps: ['web', 'other'] })
    expect(plan?.pinned?.number).toBe(1)
    expect(plan?.differences).toContainEqual({ kind: 'config', name: 'REGION', before: null, after: 'us' })
    expect(other?.refusals[0]?.message).toBe('other has no live release in stage')
    expect(await control.releases.list(control.test.db, 'web', 'prod', 9)).toEqual([])
  })
})

describe('a plan of a promotion', () => {
  const ship = (letter: string, subject: string) =>
    shipLive('web', {
      content: artifact(letter.repeat(64)),
      origin: { commit: letter.repeat(40), subject },
    })
  const plan = async () => (await server.client.pipelines.plan({ apps: ['web'] }))[0]!

  it('names every release that it brings, by its commit', async () => {
    await ship('a', 'Begin')
    expect((await plan()).brings).toMatchObject([{ number: 1, commit: 'a'.repeat(40), subject: 'Begin' }])
    const [first] = await server.client.pipelines.promote({ to: 'prod', apps: await pinned(['web']) })
    await control.until(first?.rollout ?? '', 'live')
    expect((await plan()).brings).toEqual([])
    await ship('b', 'Mend the map')
    await ship('b', 'The same once more')
    await ship('c', 'Add a legend')
    expect((await plan()).brings.map(({ number, subject }) => `v${number} ${subject}`)).toEqual([
      'v4 Add a legend',
      'v2 Mend the map',
    ])
  })

  it('names config that is missing there, and which of it is required', async () => {
    const variables = { API_KEY: { required: true, secret: true, generated: false } }
    control.config.set('web/stage', { plain: { REGION: 'eu', LEVEL: '3' }, secrets: { API_KEY: 1 } })
    control.config.set('web/prod', { plain: { REGION: 'us' }, secrets: {} })
    await shipLive('web', { run: runSpec({ variables }) })
    expect(await plan()).toMatchObject({
      missingConfig: [
        { key: 'API_KEY', secret: true, required: true },
        { key: 'LEVEL', secret: false, required: false },
      ],
    })
  })
})

describe('the ends of a promotion', () => {
  it('are the environment and the one before it; the second by default', () => {
    expect(ends(['stage', 'prod'], undefined)).toEqual({ from: 'stage', to: 'prod' })
    expect(ends(['dev', 'stage', 'prod'], 'prod')).toEqual({ from: 'stage', to: 'prod' })
    expect(() => ends(['stage', 'prod'], 'prd')).toThrow('there is no environment "prd"')
    expect(() => ends(['stage', 'prod'], 'stage')).toThrow('stage is the first environment of the pipeline')
    expect(() => ends(['stage'], undefined)).toThrow('there is nothing to promote to')
  })
})
