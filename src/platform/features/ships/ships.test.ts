import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { serveForTest } from '../../../../test/serve.ts'
import { type Fixture, openFixture } from '../../../../test/ships-fixture.ts'
import type { Ship, ShipUpdate } from '../../../api/ships.ts'
import { readPosition, writePosition } from './follow.ts'

let fixture: Fixture
beforeAll(async () => {
  fixture = await openFixture()
})
afterAll(() => fixture.close())
beforeEach(async () => {
  await fixture.reset()
  return () => expect(fixture.faults).toEqual([])
})

/** Two apps in a workspace; missions needs reports. */
const twoApps = (files: Record<string, string> = {}) => ({
  'tow.yaml': [
    'version: 1',
    'apps:',
    '  missions: { path: missions, needs: [reports], processes: { web: { command: serve, count: 2 } } }',
    '  reports: { path: reports }',
    'environments:',
    '  prod: { missions: { processes: { web: { count: 6 } } } }',
  ].join('\n'),
  'missions/index.js': 'missions',
  'reports/index.js': 'reports',
  ...files,
})
const oneApp = (text: string, files: Record<string, string> = {}) => ({ 'index.js': text, ...files })
const stateOf = (ship: Ship, app: string) => ship.apps.find((one) => one.app === app)!.state
const isIn = (app: string, state: string) => (ship: Ship) => stateOf(ship, app) === state
const isOver = (ship: Ship) => ship.state !== 'running'
const gate = () => join(fixture.home, 'gate')
const events = async () =>
  await fixture.database.db.selectFrom('events').selectAll().orderBy('position').execute()

describe('a delivery', () => {
  test('of an image builds nothing, and runs it as the files say', async () => {
    const { id } = await fixture.begin(
      { 'tow.yaml': 'version: 1\napps:\n  shop: { processes: { web: { health: /up } } }\n' },
      { image: { reference: 'ghcr.io/team/shop' } },
    )
    await fixture.until(id, isIn('shop', 'releasing'))
    await fixture.roll('shop', 'live')
    await fixture.until(id, isOver)
    const [release] = await fixture.releases()
    expect(await fixture.platform.builds.artifactOrRefuse(release!.artifact)).toMatchObject({
      layers: [],
      image: { reference: `ghcr.io/team/shop@sha256:${'1'.repeat(64)}` },
      run: { processes: { web: { command: 'serve', health: '/up' } } },
    })
  })

  test('builds all apps, releases needed ones first, and is live when all are', async () => {
    const { id } = await fixture.begin(twoApps())
    await fixture.until(id, isIn('reports', 'releasing'))
    expect((await fixture.releases()).map((row) => row.app)).toEqual(['reports'])
    await fixture.roll('reports', 'live')
    await fixture.until(id, isIn('missions', 'releasing'))
    await fixture.roll('missions', 'live')
    const ship = await fixture.until(id, isOver)
    expect(ship).toMatchObject({ state: 'live', environment: 'stage', by: 'ada' })
    expect(ship.apps).toMatchObject([
      { app: 'missions', state: 'live', release: 1, urls: ['http://missions.stage.localhost'], error: null },
      { app: 'reports', state: 'live', release: 1 },
    ])
    expect((await events()).map((event) => event.kind).filter((kind) => kind.startsWith('ship.'))).toEqual([
      'ship.started',
      'ship.live',
    ])
  })

  test('hands over the counts that the source asks for in that environment', async () => {
    const { id } = await fixture.begin(twoApps(), { environment: 'prod', apps: ['missions'] })
    await fixture.until(id, isIn('missions', 'releasing'))
    expect(await fixture.releases()).toMatchObject([
      { app: 'missions', environment: 'prod', counts: { web: 6 } },
    ])
  })

  test('of which one build fails releases nothing, and tells why', async () => {
    const { id } = await fixture.begin(twoApps({ 'missions/fail': '' }))
    const ship = await fixture.until(id, isOver)
    expect(ship.state).toBe('failed')
    expect(ship.apps).toMatchObject([
      {
        app: 'missions',
        state: 'failed',
        error: { message: '. does not compile', hint: 'mend it', lastLines: ['compiling .'] },
      },
      { app: 'reports', state: 'built', release: null },
    ])
    expect(await fixture.releases()).toEqual([])
    expect((await events()).at(-1)).toMatchObject({
      kind: 'ship.failed',
      message: 'Shipping to stage failed for missions; nothing was released',
    })
  })

  test('of which one rollout fails names what is live already', async () => {
    const { id } = await fixture.begin(twoApps())
    await fixture.until(id, isIn('reports', 'releasing'))
    await fixture.roll('reports', 'live')
    await fixture.until(id, isIn('missions', 'releasing'))
    await fixture.roll('missions', 'failed', 'missions crashed at once')
    const ship = await fixture.until(id, isOver)
    expect(ship.state).toBe('failed')
    expect(ship.apps[0]).toMatchObject({
      state: 'failed',
      error: { message: 'missions crashed at once', lastLines: ['it crashed'] },
    })
    expect((await events()).at(-1)!.message).toBe(
      'Shipping to stage failed for missions; reports is live in stage already',
    )
  })

  test('does not release what needs an app that failed', async () => {
    const { id } = await fixture.begin(twoApps())
    await fixture.until(id, isIn('reports', 'releasing'))
    await fixture.roll('reports', 'failed')
    const ship = await fixture.until(id, isOver)
    expect(ship.state).toBe('failed')
    expect(stateOf(ship, 'missions')).toBe('built')
  })

  test('restarts nothing that would be the same again', async () => {
    const first = await fixture.begin(oneApp('same'))
    await fixture.until(first.id, isIn('shop', 'releasing'))
    await fixture.roll('shop', 'live')
    await fixture.until(first.id, isOver)
    const second = await fixture.begin(oneApp('same'))
    const ship = await fixture.until(second.id, isOver)
    expect(ship).toMatchObject({
      state: 'live',
      apps: [{ state: 'unchanged', release: 1, urls: ['http://shop.stage.localhost'] }],
    })
    expect(await fixture.releases()).toHaveLength(1)
  })

  test('goes on although a newer one of the same app was begun, and makes way once that one is released', async () => {
    const older = await fixture.begin(oneApp('one', { wait: gate() }))
    const newer = await fixture.begin(oneApp('two'))
    await fixture.until(newer.id, isIn('shop', 'releasing'))
    await writeFile(gate(), '')
    const ship = await fixture.until(older.id, isOver)
    expect(ship).toMatchObject({
      state: 'cancelled',
      apps: [{ state: 'cancelled', error: { message: expect.stringContaining(newer.id) } }],
    })
    expect(await fixture.releases()).toHaveLength(1)
    await fixture.roll('shop', 'live')
    expect((await fixture.until(newer.id, isOver)).state).toBe('live')
  })

  test('that queues is released after the older one is over', async () => {
    const older = await fixture.begin(oneApp('one'))
    await fixture.until(older.id, isIn('shop', 'releasing'))
    const newer = await fixture.begin(oneApp('two'), { whenBusy: 'queue' })
    await fixture.until(newer.id, isIn('shop', 'built'))
    expect(await fixture.releases()).toHaveLength(1)
    await fixture.roll('shop', 'live')
    await fixture.until(newer.id, isIn('shop', 'releasing'))
    await fixture.roll('shop', 'live')
    expect((await fixture.until(newer.id, isOver)).state).toBe('live')
  })

  test('can be cancelled while it builds', async () => {
    const { id } = await fixture.begin(twoApps({ 'missions/wait': gate() }))
    await fixture.until(id, isIn('reports', 'built'))
    await fixture.platform.ships.cancel({ name: 'grace' }, id)
    const ship = await fixture.until(id, isOver)
    expect(ship.state).toBe('cancelled')
    expect(ship.apps.map((app) => app.state)).toEqual(['cancelled', 'cancelled'])
    expect(await fixture.releases()).toEqual([])
    await expect(fixture.platform.ships.cancel({ name: 'grace' }, id)).rejects.toMatchObject({
      code: 'CONFLICT',
    })
  })

  test('can be cancelled while it rolls out', async () => {
    const { id } = await fixture.begin(twoApps())
    await fixture.until(id, isIn('reports', 'releasing'))
    await fixture.platform.ships.cancel({ name: 'grace' }, id)
    const ship = await fixture.until(id, isOver)
    expect(ship).toMatchObject({ state: 'cancelled', apps: [{ state: 'cancelled' }, { state: 'cancelled' }] })
    expect(await fixture.releases()).toMatchObject([{ phase: 'aborted' }])
  })
})

describe('a delivery is refused before anything is built', () => {
  const count = async () => (await fixture.platform.builds.list(undefined, 10)).length

  test('when files of its tree have not arrived', async () => {
    const tree = 'a'.repeat(64)
    await expect(fixture.begin({}, { tree })).rejects.toMatchObject({ code: 'NOT_FOUND', hint: 'tow ship' })
  })

  test('when it names an app that is not declared, with what was probably meant', async () => {
    await expect(fixture.begin(twoApps(), { apps: ['mission'] })).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: 'the source declares no app mission; it declares missions and reports',
      hint: 'did you mean missions?',
    })
  })

  test('when a file is wrong, with its place', async () => {
    await expect(
      fixture.begin({ 'tow.yaml': 'version: 1\napps: { shop: { pat: x } }\n' }),
    ).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringMatching(/^tow\.yaml:2:\d+: /),
    })
  })

  test('when the environment is not there', async () => {
    await expect(fixture.begin(oneApp('x'), { environment: 'prd' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
  })

  test('when config is missing: all of it at once, for all apps', async () => {
    fixture.missing.missions = [
      { message: 'missions requires API_KEY in stage', hint: 'tow config set API_KEY=...' },
    ]
    fixture.missing.reports = [
      { message: 'reports requires TOKEN in stage', hint: 'tow config set TOKEN=...' },
    ]
    await expect(fixture.begin(twoApps())).rejects.toMatchObject({
      code: 'REFUSED',
      message: 'missions requires API_KEY in stage\nreports requires TOKEN in stage',
      hint: 'tow config set API_KEY=...\ntow config set TOKEN=...',
    })
    expect(await count()).toBe(0)
    expect(await events()).toEqual([])
  })

  test('and config that goes missing meanwhile stops all apps before any is released', async () => {
    const { id } = await fixture.begin(twoApps({ 'missions/wait': gate() }))
    fixture.missing.missions = [{ message: 'missions requires API_KEY in stage' }]
    await writeFile(gate(), '')
    const ship = await fixture.until(id, isOver)
    expect(ship).toMatchObject({
      state: 'failed',
      apps: [
        { state: 'failed', error: { message: 'missions requires API_KEY in stage' } },
        { state: 'built' },
      ],
    })
    expect(await fixture.releases()).toEqual([])
  })
})

test('what a tree would ship can be asked without shipping it', async () => {
  const tree = await fixture.tree(twoApps())
  const { apps, problems } = await fixture.platform.ships.detect(tree, 'shop')
  expect(problems).toEqual([])
  expect(apps).toMatchObject([
    { name: 'missions', path: 'missions', needs: ['reports'], processes: ['web'], sources: ['tow.yaml'] },
    { name: 'reports' },
  ])
})

describe('a follower', () => {
  test('is told the whole delivery first, then every step, line and phase, until it is over', async () => {
    const { id } = await fixture.begin(oneApp('x', { wait: gate() }))
    const seen = await follow(id, {}, async (update) => {
      if (update.type === 'build-output') await writeFile(gate(), '')
      if (update.type === 'rollout' && update.phase === 'starting')
        await fixture.roll('shop', 'switching', 'traffic moves')
      if (update.type === 'rollout' && update.phase === 'switching')
        await fixture.roll('shop', 'live', 'v1 is live')
    })
    expect(seen[0]).toMatchObject({ type: 'ship', ship: { id } })
    expect(outputOf(seen)).toBe('compiling .\ncompiled .\n')
    expect(
      seen
        .filter((update) => update.type === 'build-step' && update.milliseconds !== null)
        .map((update) => (update as { name: string }).name),
    ).toEqual(['Lay out the source', 'compile', 'Keep the result'])
    expect(seen.flatMap((update) => (update.type === 'rollout' ? [update.phase] : []))).toEqual([
      'starting',
      'switching',
      'live',
    ])
    expect(seen.findLast((update) => update.type === 'ship')).toMatchObject({
      ship: { state: 'live', apps: [{ state: 'live' }] },
    })
  })

  test('that comes back goes on where it was, without a gap or a repetition', async () => {
    const { id } = await fixture.begin(oneApp('x', { wait: gate() }))
    let position = {}
    const first: ShipUpdate[] = []
    for await (const told of fixture.platform.ships.follow(id, {}, AbortSignal.timeout(20_000))) {
      first.push(told.update)
      position = readPosition(writePosition(told.position))
      if (told.update.type === 'build-output') break
    }
    await writeFile(gate(), '')
    await fixture.until(id, isIn('shop', 'releasing'))
    await fixture.roll('shop', 'live')
    const rest = await follow(id, position)
    expect(rest[0]).toMatchObject({ type: 'ship' })
    expect(outputOf(first) + outputOf(rest)).toBe('compiling .\ncompiled .\n')
    const names = [...first, ...rest].flatMap((update) =>
      update.type === 'build-step' && update.milliseconds !== null ? [update.name] : [],
    )
    expect(names).toEqual(['Lay out the source', 'compile', 'Keep the result'])
  })

  test('reads the same through the client', async () => {
    const { builds, ships } = fixture.platform
    const server = await serveForTest({
      database: fixture.database.database,
      routes: { ...builds.routes, ...ships.routes },
    })
    try {
      const tree = await fixture.tree(oneApp('client'))
      const ship = await server.client.ships.start({ tree, folderName: 'shop' })
      const seen: ShipUpdate[] = []
      for await (const update of await server.client.ships.follow({ id: ship.id })) {
        seen.push(update)
        if (update.type === 'rollout' && update.phase === 'starting') await fixture.roll('shop', 'live')
      }
      expect(outputOf(seen)).toBe('compiling .\ncompiled .\n')
      expect(await server.client.ships.get({ id: ship.id })).toMatchObject({ state: 'live' })
      await expect(server.client.ships.get({ id: 's_none' })).rejects.toMatchObject({ code: 'NOT_FOUND' })
      expect((await server.client.apps.detect({ tree, folderName: 'shop' })).apps).toMatchObject([
        { name: 'shop' },
      ])
    } finally {
      await server.close()
    }
  })
})

describe('a platform that stops and starts again', () => {
  test('goes on with a delivery at any state, and releases each app once', async () => {
    const { id } = await fixture.begin(twoApps({ 'missions/wait': gate() }))
    await fixture.until(id, isIn('reports', 'built'))
    // The build of missions dies with the platform and is asked for again.
    await fixture.restart()
    await writeFile(gate(), '')
    await fixture.until(id, isIn('reports', 'releasing'))
    await fixture.restart()
    await fixture.roll('reports', 'live')
    await fixture.until(id, isIn('missions', 'releasing'))
    await fixture.restart()
    await fixture.roll('missions', 'live')
    const ship = await fixture.until(id, isOver)
    await fixture.restart()
    expect(ship.state).toBe('live')
    expect((await fixture.releases()).map((row) => `${row.app} v${row.release}`)).toEqual([
      'reports v1',
      'missions v1',
    ])
    const kinds = (await events()).map((event) => event.kind)
    expect(kinds.filter((kind) => kind === 'build.failed')).toHaveLength(1)
    expect(kinds.filter((kind) => kind === 'ship.live')).toHaveLength(1)
  })

  test('ends a delivery whose cancellation was asked for before', async () => {
    const { id } = await fixture.begin(oneApp('x', { wait: gate() }))
    await fixture.platform.ships.stop?.()
    await fixture.platform.ships.cancel({ name: 'grace' }, id)
    await fixture.restart()
    expect((await fixture.until(id, isOver)).state).toBe('cancelled')
    expect(await fixture.releases()).toEqual([])
  })

  test('under any schedule of restarts, failures and cancellations ends every delivery truthfully', {
    timeout: 180_000,
  }, async () => {
    const step = fc.constantFrom(
      'restart',
      'live-reports',
      'live-missions',
      'fail-missions',
      'open',
      'wait',
      'wait',
    )
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          steps: fc.array(step, { maxLength: 8 }),
          fails: fc.boolean(),
          cancel: fc.option(fc.nat({ max: 8 }), { freq: 3, nil: null }),
        }),
        async ({ steps, fails, cancel }) => {
          await fixture.reset()
          const { id } = await fixture.begin(
            twoApps({ 'missions/wait': gate(), ...(fails && { 'missions/fail': '' }) }),
          )
          for (const [index, one] of steps.entries()) {
            if (index === cancel) await fixture.platform.ships.cancel({ name: 'grace' }, id).catch(() => {})
            if (one === 'restart') await fixture.restart()
            else if (one === 'open') await writeFile(gate(), '')
            else if (one === 'wait') await new Promise((resolve) => setTimeout(resolve, 15))
            else {
              const [phase, app] = one.split('-') as ['live' | 'fail', string]
              await fixture.roll(app, phase === 'live' ? 'live' : 'failed')
            }
          }
          await writeFile(gate(), '')
          for (const app of ['reports', 'missions']) {
            await fixture.until(
              id,
              (ship) => isOver(ship) || stateOf(ship, app) === 'releasing' || stateOf(ship, app) === 'live',
            )
            await fixture.roll(app, 'live')
          }
          const ship = await fixture.until(id, isOver)
          const released = await fixture.releases()
          expect(released.length).toBe(new Set(released.map((row) => row.app)).size)
          if (fails) expect(released).toEqual([])
          for (const app of ship.apps) {
            const row = released.find((one) => one.app === app.app)
            if (app.state === 'live') expect(row?.phase).toBe('live')
            if (app.state === 'built' || app.release === null) expect(row).toBeUndefined()
          }
          if (ship.state === 'live') expect(ship.apps.every((app) => app.state === 'live')).toBe(true)
          else expect(ship.apps.some((app) => app.state === 'failed' || app.state === 'cancelled')).toBe(true)
        },
      ),
      { numRuns: 15 },
    )
  })
})

function outputOf(updates: readonly ShipUpdate[]): string {
  return updates.flatMap((update) => (update.type === 'build-output' ? [update.text] : [])).join('')
}

async function follow(
  id: string,
  from: Record<string, [number, number, number]>,
  react: (update: ShipUpdate) => Promise<void> = async () => {},
): Promise<ShipUpdate[]> {
  const seen: ShipUpdate[] = []
  for await (const { update } of fixture.platform.ships.follow(id, from, AbortSignal.timeout(20_000))) {
    seen.push(structuredClone(update))
    await react(update)
  }
  return seen
}
