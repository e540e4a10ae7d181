import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { artifact, type Control, openControl, processSpec, runSpec } from '../../../../test/control.ts'
import { serveForTest, type TestServer } from '../../../../test/serve.ts'
import { type Candidate, differences, NOTHING, rollbackConfig, rollbackTarget } from './rules.ts'

const WHERE = { app: 'web-app', environment: 'prod' }
const OF_APP = { app: 'web-app', environment: 'stage' }

function candidate(number: number, changes: Partial<Candidate> = {}): Candidate {
  return {
    ...{ number, state: 'replaced', live_at: new Date(number), artifact: `${number}`, origin: {} },
    ...{ run: runSpec(), plain: {}, secrets: {} },
    ...changes,
  }
}

describe('the release to go back to', () => {
  it('is the newest before the present one that was live', () => {
    const never = { live_at: null }
    const all = [
      candidate(5, { state: 'failed', ...never }),
      candidate(4, { state: 'live' }),
      candidate(3, { state: 'aborted', ...never }),
      candidate(2),
      candidate(1),
    ]
    expect(rollbackTarget(WHERE, all, 4, undefined).number).toBe(2)
  })

  it('is one that differs from what serves: going back to the same would help nobody', () => {
    const all = [candidate(3, { artifact: 'x' }), candidate(2, { artifact: 'x' }), candidate(1)]
    expect(rollbackTarget(WHERE, all, 3, undefined).number).toBe(1)
    expect(() => rollbackTarget(WHERE, all.slice(0, 2), 3, undefined)).toThrow(
      'no earlier release of web-app was live in prod and differs from v3',
    )
  })

  it('is refused by name when it does not exist, never went live, or serves already', () => {
    const all = [candidate(3), candidate(2, { state: 'failed', live_at: null }), candidate(1)]
    expect(() => rollbackTarget(WHERE, all, 3, 9)).toThrow('web-app has no v9 in prod; the newest is v3')
    expect(() => rollbackTarget(WHERE, all, 3, 2)).toThrow(
      'v2 of web-app never went live in prod (failed), so there is nothing to go back to',
    )
    expect(() => rollbackTarget(WHERE, all, 3, 3)).toThrow('v3 of web-app is what serves in prod')
    expect(() => rollbackTarget(WHERE, all, null, undefined)).toThrow('no release of web-app serves in prod')
  })
})

describe('the config of a rollback', () => {
  const old = { plain: { REGION: 'us', WAS_PLAIN: 'then' }, secrets: { KEY: 1, GONE: 1, WAS_SECRET: 1 } }
  const today = {
    plain: { REGION: 'eu', NEW: 'n', WAS_SECRET: 'open' },
    secrets: { KEY: 4, WAS_PLAIN: 1, NEW_KEY: 1 },
  }

  it('is the old plain values and today’s secrets', () => {
    expect(rollbackConfig(old, today, false)).toEqual({
      plain: { REGION: 'us', WAS_SECRET: 'open' },
      secrets: { KEY: 4, WAS_PLAIN: 1, NEW_KEY: 1 },
    })
  })

  it('is all as it was where the old secrets are asked for', () => {
    expect(rollbackConfig(old, today, true)).toEqual(old)
  })

  it('never has a key both in plain and as a secret', () => {
    const keys = fc.constantFrom('A', 'B', 'C', 'D')
    const config = fc.record({
      plain: fc.dictionary(keys, fc.string()),
      secrets: fc.dictionary(keys, fc.nat()),
    })
    const apart = config.map(({ plain, secrets }) => ({
      plain: Object.fromEntries(Object.entries(plain).filter(([key]) => !(key in secrets))),
      secrets,
    }))
    fc.assert(
      fc.property(apart, apart, fc.boolean(), (then, now, withSecrets) => {
        const { plain, secrets } = rollbackConfig(then, now, withSecrets)
        expect(Object.keys(plain).filter((key) => key in secrets)).toEqual([])
      }),
    )
  })
})

describe('what differs', () => {
  it('names code, config, processes, crons, needs and the release command; of a secret only its version', () => {
    const before = {
      ...NOTHING,
      artifact: 'a'.repeat(64),
      origin: { commit: '1234567890' },
      plain: { A: '1', B: '2' },
    }
    const after = {
      ...{ artifact: 'b'.repeat(64), origin: { commit: 'abcdef0123', dirty: true } },
      run: runSpec({
        crons: { nightly: { schedule: '0 3 * * *', timezone: 'UTC', command: 'node n.js' } },
        needs: ['postgres'],
        releaseCommand: 'node migrate.js',
      }),
      ...{ plain: { A: '1', B: '3' }, secrets: { KEY: 7 } },
    }
    expect(differences(before, after)).toEqual([
      { kind: 'code', name: 'commit', before: '1234567', after: 'abcdef0 with changes' },
      { kind: 'code', name: 'artifact', before: 'aaaaaaaaaaaa', after: 'bbbbbbbbbbbb' },
      { kind: 'config', name: 'B', before: '2', after: '3' },
      { kind: 'config', name: 'KEY', before: null, after: 'secret version 7' },
      {
        ...{ kind: 'process', name: 'web', before: null },
        after: 'node server.js, boot 5 s, grace 1 s, surge 25 %',
      },
      { kind: 'cron', name: 'nightly', before: null, after: '0 3 * * * (UTC): node n.js' },
      { kind: 'need', name: 'postgres', before: null, after: 'needed' },
      { kind: 'release-command', name: 'release', before: null, after: 'node migrate.js' },
    ])
    expect(differences(after, after)).toEqual([])
  })
})

describe('over the platform', () => {
  let control: Control
  let server: TestServer
  beforeAll(async () => {
    control = await openControl()
    server = await serveForTest({ database: control.test.database, routes: control.releases.routes })
    control.config.set('web-app/stage', { plain: { REGION: 'us' }, secrets: { KEY: 1 } })
    const first = await control.ship({ content: artifact('1'.repeat(64)) })
    await control.until(first.rollout, 'live')
    control.config.set('web-app/stage', { plain: { REGION: 'eu' }, secrets: { KEY: 2 } })
    const run = runSpec({ processes: { web: processSpec('node other.js') } })
    const second = await control.ship({ content: artifact('2'.repeat(64)), run })
    await control.until(second.rollout, 'live')
  })
  afterAll(async () => {
    await server.close()
    await control.close()
  })

  it('a release is shown whole, with the version of a secret and never its value', async () => {
    const release = await server.client.releases.get({ ...OF_APP, number: 1 })
    expect(release).toMatchObject({
      ...{ number: 1, state: 'replaced', artifact: '1'.repeat(64), by: 'ada' },
      config: { REGION: { value: 'us' }, KEY: { secret: 1 } },
    })
    expect(release.content.digest).toBe('1'.repeat(64))
    await expect(server.client.releases.get({ ...OF_APP, number: 9 })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'web-app has no v9 in stage; the newest is v2',
    })
    const diff = await server.client.releases.diff({ ...OF_APP, from: 1, to: 2 })
    expect(diff.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      ...['code artifact', 'config KEY', 'config REGION', 'process web'],
    ])
  })

  it('a plan of a rollback tells what differs and makes nothing', async () => {
    const plan = await server.client.releases.rollback({ ...OF_APP, plan: true })
    expect(plan).toMatchObject({
      to: 1,
      release: null,
      rollout: null,
      undo: 'tow rollback v2 -a web-app -e stage',
    })
    expect(plan.differences.find((one) => one.name === 'REGION')).toMatchObject({ before: 'eu', after: 'us' })
    expect(await server.client.releases.list(OF_APP)).toHaveLength(2)
  })

  it('a rollback is a new release with the old code and plain config, today’s secrets, and its undo', async () => {
    const back = await server.client.releases.rollback(OF_APP)
    expect(back).toMatchObject({ to: 1, undo: 'tow rollback v2 -a web-app -e stage' })
    await control.until(back.rollout ?? '', 'live')
    const release = await server.client.releases.get({ ...OF_APP, number: 3 })
    expect(release).toMatchObject({
      ...{ reason: 'rollback', description: 'Rollback to v1', artifact: '1'.repeat(64), state: 'live' },
      config: { REGION: { value: 'us' }, KEY: { secret: 2 } },
      from: { environment: 'stage', number: 1 },
    })
    const withSecrets = await server.client.releases.rollback({ ...OF_APP, to: 1, withSecrets: true })
    await control.until(withSecrets.rollout ?? '', 'live')
    const last = await server.client.releases.get({ ...OF_APP, number: 4 })
    expect(last.config.KEY).toEqual({ secret: 1 })
  })

  it('artifacts of live and once-live releases are in use', async () => {
    const used = await control.releases.artifactsInUse(control.test.db)
    expect(used.sort()).toEqual(['1'.repeat(64), '2'.repeat(64)])
  })
})
