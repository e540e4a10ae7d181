import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ADA, artifact, type Control, openControl, processSpec, runSpec } from '../../../../test/control.ts'

const TARGET = { app: 'web-app', environment: 'stage' }
/** Boots for as long as the test wants. */
const PATIENT = runSpec({ processes: { web: { ...processSpec(), bootSeconds: 3600 } } })
let control: Control

beforeEach(async () => {
  control = await openControl()
})
afterEach(async () => {
  await control.close()
  expect(control.errors).toEqual([])
})

const change = <T>(work: Parameters<typeof control.test.database.change<T>>[1]) =>
  control.test.database.change(ADA, work)
const live = () => control.rollouts.live(control.test.db, 'web-app', 'stage')
const states = async () =>
  Object.fromEntries(
    (await control.releases.list(control.test.db, 'web-app', 'stage', 10)).map((row) => [
      row.number,
      row.state,
    ]),
  )

async function shipLive(delivery: Parameters<Control['ship']>[0] = {}) {
  const shipped = await control.ship(delivery)
  await control.until(shipped.rollout, 'live')
  return shipped
}

describe('a rollout', () => {
  it('brings the first release live once its processes are healthy', async () => {
    const { rollout } = await shipLive()
    expect(await live()).toBe(1)
    const observation = control.engine.world.observe(TARGET)
    expect(observation.split).toEqual([{ weights: { v1: 1 } }])
    expect(await states()).toEqual({ 1: 'live' })
    const kinds = await control.test.db.selectFrom('events').select('kind').orderBy('position').execute()
    expect(kinds.map((row) => row.kind)).toEqual([
      'release.created',
      'rollout.starting',
      'rollout.finishing',
      'rollout.live',
    ])
    expect((await control.until(rollout, 'live')).history.map((entry) => entry.phase)).toEqual([
      'queued',
      'starting',
      'finishing',
      'live',
    ])
  })

  it('replaces the release before it, and exactly one is left', async () => {
    await shipLive()
    await shipLive()
    expect(await states()).toEqual({ 1: 'replaced', 2: 'live' })
    expect(control.engine.world.observe(TARGET).sets.map((set) => set.id)).toEqual(['v2'])
  })

  it('leaves the old release serving when the new one crashes, and says why with its last lines', async () => {
    await shipLive()
    control.engine.world.behave(TARGET, { outcome: 'crash' }, 2)
    const { rollout } = await control.ship()
    const failed = await control.until(rollout, 'failed')
    expect(failed.message).toBe('web of v2: it ended with 1 twice before it was healthy; v1 serves as before')
    expect(failed.lastLines).toEqual(['Error: cannot find the map'])
    expect(await states()).toEqual({ 1: 'live', 2: 'failed' })
    expect(control.engine.world.observe(TARGET).sets.map((set) => set.id)).toEqual(['v1'])
  })

  it('leaves nothing running when the first release fails', async () => {
    control.engine.world.behave(TARGET, { outcome: 'layout-failed' })
    const { rollout } = await control.ship()
    const failed = await control.until(rollout, 'failed')
    expect(failed.message).toContain('the disk is full; nothing is left running')
    expect(await live()).toBeNull()
  })

  it('fails where the engine refuses the way back as it refused the way there', async () => {
    control.engine.world.belongsToAnother(TARGET)
    const { rollout } = await control.ship()
    const failed = await control.until(rollout, 'failed')
    expect(failed.message).toBe('web-app belongs to another platform; nothing is left running')
    expect(await live()).toBeNull()
  })

  it('gives a set that never gets healthy its time to boot, and no more', async () => {
    await shipLive()
    control.engine.world.behave(TARGET, { outcome: 'never' }, 2)
    const { rollout } = await control.ship()
    const before = control.engine.world.now()
    const failed = await control.until(rollout, 'failed')
    expect(failed.message).toBe('web of v2: it was not healthy within 20 s; v1 serves as before')
    expect(control.engine.world.now() - before).toBeGreaterThanOrEqual(20_000)
  })

  it.each([
    ['forward', 3_600_000],
    ['back', -3_600_000],
  ])('gives a set its time to boot when the clock is set %s meanwhile', async (_, step) => {
    await shipLive()
    control.engine.world.behave(TARGET, { outcome: 'never' }, 2)
    const { rollout } = await control.ship()
    const before = control.engine.world.now()
    await control.passUntil(() => control.engine.world.now() - before > 5000)
    control.setClock(step)
    const failed = await control.until(rollout, 'failed')
    expect(failed.message).toBe('web of v2: it was not healthy within 20 s; v1 serves as before')
    expect(control.engine.world.now() - before).toBeGreaterThanOrEqual(20_000)
    expect(control.engine.world.now() - before).toBeLessThan(60_000)
  })

  it('moves a large set in steps, never above a step more than the whole', async () => {
    const counts = { web: 10 }
    await shipLive({ counts })
    const { rollout } = await control.ship({ counts })
    let most = 0
    await control.passUntil(async () => {
      const running = control.engine.world.observe(TARGET).sets.flatMap((set) => set.processes)
      most = Math.max(most, running.length)
      const [newest] = await control.rollouts.list(control.test.db, { limit: 1 })
      return newest?.id === rollout && newest.phase === 'live'
    })
    expect(most).toBeLessThanOrEqual(13)
    expect(most).toBeGreaterThan(10)
  })

  it('starts workers and crons of the new release only when it has all traffic', async () => {
    const run = runSpec({
      processes: { web: processSpec(), worker: processSpec('node worker.js') },
      crons: { nightly: { command: 'node nightly.js', schedule: '0 3 * * *', timezone: 'UTC' } },
    })
    await shipLive({ run })
    const { rollout } = await control.ship({ run })
    await control.passUntil(() => {
      const observation = control.engine.world.observe(TARGET)
      const workers = observation.sets
        .flatMap((set) => set.processes)
        .filter((one) => one.process === 'worker')
      const weights = observation.split.at(-1)?.weights ?? {}
      if (workers.some((one) => one.set === 'v2')) {
        expect(weights).toEqual({ v2: 1 })
        return true
      }
      expect(observation.crons.map((cron) => cron.set)).toEqual(['v1'])
      return false
    })
    await control.until(rollout, 'live')
    expect(control.engine.world.observe(TARGET).crons.map((cron) => cron.set)).toEqual(['v2'])
  })

  it('rolls out an app without a web process', async () => {
    const run = runSpec({ processes: { worker: processSpec('node worker.js') } })
    await shipLive({ run })
    await shipLive({ run })
    expect(control.engine.world.observe(TARGET).sets.map((set) => set.id)).toEqual(['v2'])
  })

  it('gives the engine config, secrets and what needs inject, and keeps no secret in its rows', async () => {
    control.config.set('web-app/stage', { plain: { REGION: 'eu' }, secrets: { API_KEY: 3 } })
    await shipLive({ run: runSpec({ needs: ['postgres'] }) })
    expect(control.engine.configOf(TARGET, 'v1')).toMatchObject({
      REGION: 'eu',
      API_KEY: 's3cret-3',
      DATABASE_URL: 'postgres://there',
      TOW_RELEASE: 'v1',
    })
    const rows = await control.test.db.withTables<{ targets: object; rollouts: object; releases: object }>()
    const all = await Promise.all(
      (['targets', 'rollouts', 'releases', 'events'] as const).map((table) =>
        rows.selectFrom(table).selectAll().execute(),
      ),
    )
    expect(JSON.stringify(all)).not.toContain('s3cret')
    expect(JSON.stringify(all)).not.toContain('postgres://there')
  })
})

describe('the release command', () => {
  const run = runSpec({ releaseCommand: 'node migrate.js' })

  it('runs once, before anything of the new release starts', async () => {
    await shipLive()
    const { rollout } = await control.ship({ run })
    await control.until(rollout, 'release-command')
    expect(control.engine.world.observe(TARGET).sets.map((set) => set.id)).toEqual(['v1'])
    await control.until(rollout, 'live')
    expect([...control.engine.world.starts]).toEqual([[`${rollout}-1`, 1]])
  })

  it('fails the rollout when it fails, and the old release goes on serving', async () => {
    await shipLive()
    control.engine.world.behave(TARGET, { job: { ms: 10, state: 'failed' } }, 2)
    const { rollout } = await control.ship({ run })
    const failed = await control.until(rollout, 'failed')
    expect(failed.message).toBe('the release command of v2 ended with 1; v1 serves as before')
    expect(await live()).toBe(1)
  })

  it('asks a person when nobody knows how it ended; a retry starts it once more', async () => {
    control.engine.world.behave(TARGET, { job: { ms: 10, state: 'unknown' } }, 1)
    const { rollout } = await control.ship({ run })
    const asking = await control.until(rollout, 'asking')
    expect(asking.hint).toBe(
      `tow rollout retry ${rollout} starts it once more; tow rollout abort ${rollout} gives up`,
    )
    control.engine.world.behave(TARGET, { job: { ms: 10, state: 'succeeded' } }, 1)
    await change((open) => control.rollouts.retry(open, rollout, 'ada'))
    await control.until(rollout, 'live')
    expect([...control.engine.world.starts.keys()]).toEqual([`${rollout}-1`, `${rollout}-2`])
  })

  it('is not run again by a retry of a rollout in which it succeeded', async () => {
    await shipLive()
    control.engine.world.behave(TARGET, { outcome: 'crash' }, 2)
    const { rollout } = await control.ship({ run })
    await control.until(rollout, 'failed')
    control.engine.world.behave(TARGET, { outcome: 'healthy' }, 2)
    const again = await change((open) => control.rollouts.retry(open, rollout, 'ada'))
    await control.until(again.id, 'live')
    expect([...control.engine.world.starts.keys()]).toEqual([`${rollout}-1`])
    expect(await states()).toEqual({ 1: 'replaced', 2: 'live' })
  })

  it('is started once although its answer was lost', async () => {
    let lost = 0
    control.engine.fault((call) => (call === 'run' && lost++ < 2 ? 'lost-answer' : null))
    const { rollout } = await control.ship({ run })
    await control.until(rollout, 'live')
    expect([...control.engine.world.starts]).toEqual([[`${rollout}-1`, 1]])
  })
})

describe('while a rollout is under way', () => {
  it('an abort gives it up and the old release serves on', async () => {
    await shipLive()
    control.engine.world.behave(TARGET, { outcome: 'never' }, 2)
    const { rollout } = await control.ship({ run: PATIENT })
    await control.until(rollout, 'starting')
    await change((open) => control.rollouts.abort(open, rollout, 'ada'))
    const aborted = await control.until(rollout, 'aborted')
    expect(aborted.message).toBe('v2 was aborted by ada; v1 serves as before')
    expect(await states()).toEqual({ 1: 'live', 2: 'aborted' })
    await expect(change((open) => control.rollouts.abort(open, rollout, 'ada'))).rejects.toThrow(/is over/)
  })

  it('a newer ship supersedes it', async () => {
    await shipLive()
    control.engine.world.behave(TARGET, { outcome: 'never' }, 2)
    const second = await control.ship({ run: PATIENT })
    await control.until(second.rollout, 'starting')
    const third = await control.ship()
    await control.until(third.rollout, 'live')
    expect((await control.until(second.rollout, 'superseded')).message).toBe(
      'v2 was superseded by v3; v1 serves as before',
    )
    expect(await states()).toEqual({ 1: 'replaced', 2: 'superseded', 3: 'live' })
  })

  it('a newer ship is heard although a worker writes the rollout at the same moment', async () => {
    await shipLive()
    control.engine.world.behave(TARGET, { outcome: 'never' }, 2)
    const second = await control.ship({ run: PATIENT })
    await control.until(second.rollout, 'starting')
    await control.rollouts.stop()
    const tables = control.test.db.withTables<{ rollouts: { id: string; version: number } }>()
    let third: Promise<unknown> = Promise.resolve()
    await tables.transaction().execute(async (worker) => {
      await worker
        .updateTable('rollouts')
        .set((row) => ({ version: row('version', '+', 1) }))
        .where('id', '=', second.rollout)
        .execute()
      third = control.ship()
      await control.passUntil(async () => {
        const waiting = await sql`select from pg_locks where not granted`.execute(control.test.db)
        return waiting.rows.length > 0
      })
    })
    await third
    await control.rollouts.start()
    await control.until(second.rollout, 'superseded')
  })

  it('a newer ship waits for it where that was asked', async () => {
    const first = await control.ship()
    const second = await control.ship({ whenBusy: 'queue' })
    await control.until(second.rollout, 'live')
    await control.until(first.rollout, 'live')
    expect(await states()).toEqual({ 1: 'replaced', 2: 'live' })
  })

  it('an engine that is away is waited for, and said so with the age', async () => {
    await shipLive()
    control.engine.away('nobody answers')
    const { rollout } = await control.ship()
    await control.passUntil(async () => {
      const [newest] = await control.rollouts.list(control.test.db, { limit: 1 })
      return /waiting: the engine of stage has not answered for \d+ s/.test(newest?.message ?? '')
    })
    control.engine.away(null)
    await control.until(rollout, 'live')
  })

  it('a platform that is started again goes on where the rows are', async () => {
    await shipLive()
    control.engine.world.behave(TARGET, { bootMs: 600_000 }, 2)
    const { rollout } = await control.ship({ run: PATIENT })
    await control.until(rollout, 'starting')
    await control.rollouts.stop()
    control.engine.advance(600_000)
    expect(control.engine.world.observe(TARGET).split).toEqual([{ weights: { v1: 1 } }])
    await control.rollouts.start()
    await control.until(rollout, 'live')
  })
})

describe('when nothing moves', () => {
  it('a scale by hand wins, survives releases, and ends when it is cleared', async () => {
    await shipLive({ counts: { web: 2 } })
    const counts = await change((open) =>
      control.rollouts.scale(open, { ...TARGET, counts: { web: 4 }, reason: 'sale', by: 'ada' }),
    )
    expect(counts).toEqual({ web: { before: 2, after: 4 } })
    const running = () => control.engine.world.observe(TARGET).sets.flatMap((set) => set.processes).length
    await control.passUntil(() => running() === 4)
    await shipLive({ counts: { web: 1 } })
    expect(running()).toBe(4)
    await change((open) => control.rollouts.scale(open, { ...TARGET, counts: { web: null }, by: 'ada' }))
    await control.passUntil(() => running() === 1)
    await expect(
      change((open) => control.rollouts.scale(open, { ...TARGET, counts: { wbe: 1 }, by: 'ada' })),
    ).rejects.toThrow('web-app has no process "wbe"; there is web')
  })

  it('a restart replaces the processes', async () => {
    await shipLive()
    const [before] = control.engine.world.observe(TARGET).sets.flatMap((set) => set.processes)
    await change((open) => control.rollouts.restart(open, 'web-app', 'stage', undefined))
    await control.passUntil(() => {
      const now = control.engine.world.observe(TARGET).sets.flatMap((set) => set.processes)
      return now.length === 1 && now[0]?.id !== before?.id && now[0]?.state === 'healthy'
    })
  })

  it('an engine that lost everything is told again', async () => {
    await shipLive()
    control.engine.world.restart({ empty: true })
    await control.rollouts.sweep()
    await control.passUntil(() => {
      const { settled, sets } = control.engine.world.observe(TARGET)
      return settled && sets.map((set) => set.id).join() === 'v1'
    })
  })

  it('an engine that is further than the rows, as after a restored backup, is overtaken', async () => {
    await shipLive()
    const desired = { sets: [], split: [{ weights: {} }], crons: [] }
    control.engine.world.apply(TARGET, 1000, desired)
    await control.rollouts.sweep()
    await control.passUntil(() => control.engine.world.observe(TARGET).generation === 1001)
    await control.passUntil(() => {
      const { settled, sets } = control.engine.world.observe(TARGET)
      return settled && sets.map((set) => set.id).join() === 'v1'
    })
  })

  it('a removed app is stopped everywhere, and one of the same name starts anew with a higher number', async () => {
    await shipLive()
    expect(await change((open) => control.rollouts.remove(open, 'web-app', 'ada'))).toEqual(['stage'])
    await control.passUntil(() => control.engine.world.observe(TARGET).sets.length === 0)
    expect(await states()).toEqual({})
    const { release } = await shipLive()
    expect(release).toBe(2)
    expect(await states()).toEqual({ 2: 'live' })
  })
})

describe('a delivery', () => {
  it('refuses all that is missing at once, and writes nothing', async () => {
    const run = runSpec({
      variables: {
        API_KEY: { required: true, secret: true, generated: false },
        REGION: { required: true, secret: false, generated: false },
      },
      needs: ['impossible'],
    })
    await expect(control.ship({ run })).rejects.toMatchObject({
      code: 'REFUSED',
      message:
        'web-app requires API_KEY in stage, and it is not set; web-app requires REGION in stage, and it is not set; web-app needs what is not there',
      hint: 'tow config set API_KEY=... --secret -a web-app -e stage\ntow config set REGION=... -a web-app -e stage',
    })
    expect(await states()).toEqual({})
  })

  it('gives each of many at once a number of its own, and one of them is live in the end', async () => {
    const shipped = await Promise.all(Array.from({ length: 8 }, () => control.ship()))
    expect(shipped.map((one) => one.release).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    await control.until(shipped.find((one) => one.release === 8)?.rollout ?? '', 'live')
    const found = Object.values(await states())
    expect(found.filter((state) => state === 'live')).toEqual(['live'])
  })

  it('writes a release that the database refuses to change', async () => {
    await control.ship({ content: artifact() })
    const db = control.test.db.withTables<{ releases: { number: number } }>()
    await expect(db.updateTable('releases').set({ number: 7 }).execute()).rejects.toThrow(/never changes/)
    await expect(db.deleteFrom('releases').execute()).rejects.toThrow(/never changes/)
  })
})

describe('many apps at once', () => {
  it('are not held up by one whose engine call hangs', async () => {
    control.engine.fault((call, target) => (call === 'apply' && target?.app === 'slow' ? 'hang' : null))
    await control.ship({ app: 'slow' })
    const others = await Promise.all(['one', 'two', 'three'].map((app) => control.ship({ app })))
    for (const other of others) await control.until(other.rollout, 'live')
  })
})
