import fc from 'fast-check'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openConfig } from './test-config.ts'

let config: Awaited<ReturnType<typeof openConfig>>
beforeAll(async () => {
  config = await openConfig()
})
beforeEach(() => config.reset())
afterAll(() => config.close())

/** Every row of every table, as text. */
async function everythingStored(): Promise<string> {
  const { rows } = await sql<{ name: string }>`
    select table_name as name from information_schema.tables where table_schema = 'public'`.execute(config.db)
  const texts = rows.map(async ({ name }) => {
    const found = await sql<{ text: string }>`select t::text as text from ${sql.id(name)} t`.execute(
      config.db,
    )
    return found.rows.map((row) => row.text).join('\n')
  })
  return (await Promise.all(texts)).join('\n')
}

test('keys are set and unset together, and make one release', async () => {
  expect(await config.set({ REGION: 'eu', SIZE: 'big' })).toEqual({
    changed: ['REGION', 'SIZE'],
    guessedSecrets: [],
    release: 1,
    rollout: 'o_1',
  })
  expect(await config.list()).toEqual({
    REGION: { secret: false, value: 'eu', source: 'set' },
    SIZE: { secret: false, value: 'big', source: 'set' },
  })
  await config.unset(['SIZE'])
  expect(config.changes.map(({ description }) => description)).toEqual(['Set REGION and SIZE', 'Unset SIZE'])
  expect(Object.keys(await config.list())).toEqual(['REGION'])
})

test('what is so already makes no release', async () => {
  await config.set({ REGION: 'eu', API_KEY: 'k1' })
  expect(await config.set({ REGION: 'eu', API_KEY: 'k1' })).toMatchObject({ changed: [], release: null })
  expect(await config.set({ REGION: 'eu', API_KEY: 'k2' })).toMatchObject({
    changed: ['API_KEY'],
    release: 2,
  })
})

test('a key that looks like a secret is kept as one, and the answer says so', async () => {
  const answer = await config.set({
    API_TOKEN: 'a',
    STRIPE_PUBLISHABLE_KEY: 'b',
    MONKEY: 'c',
    REDIS_URL: 'redis://u:hush@host/0',
    PLAIN_URL: 'https://host/path',
  })
  expect(answer.guessedSecrets).toEqual(['API_TOKEN', 'REDIS_URL'])
  expect(await config.list()).toMatchObject({
    API_TOKEN: { secret: true, value: null },
    MONKEY: { secret: false, value: 'c' },
    STRIPE_PUBLISHABLE_KEY: { secret: false },
  })
})

test('someone may say that a key is plain, and it stays so', async () => {
  await config.set({ SORT_KEY: { value: 'name', secret: false } })
  await config.set({ SORT_KEY: 'age' })
  expect(await config.list()).toEqual({ SORT_KEY: { secret: false, value: 'age', source: 'set' } })
})

test('a secret stays a secret until it is unset and declared plain', async () => {
  await config.set({ NOTE: { value: 'hush', secret: true } })
  await config.set({ NOTE: 'hush again' })
  expect(await config.list()).toMatchObject({ NOTE: { secret: true, value: null } })
  await expect(config.set({ NOTE: { value: 'loud', secret: false } })).rejects.toMatchObject({
    code: 'REFUSED',
    message: 'NOTE of web in stage is a secret and stays one',
    hint: 'to make it plain, unset it first: tow config unset NOTE -a web -e stage',
  })
  await config.unset(['NOTE'])
  await config.set({ NOTE: 'still hush' })
  expect(await config.list()).toMatchObject({ NOTE: { secret: true } })
  await config.unset(['NOTE'])
  await config.set({ NOTE: { value: 'loud', secret: false } })
  expect(await config.list()).toMatchObject({ NOTE: { secret: false, value: 'loud' } })
})

test('keys that the platform gives are refused with the reason', async () => {
  config.declare({ needs: ['postgres', 'field-reports'] })
  await expect(config.set({ PORT: '1', TOW_X: '2', OK: '3' })).rejects.toMatchObject({
    message:
      "PORT can't be set: every process is given its own port; TOW_X can't be set: names that start with TOW_ are the platform’s",
  })
  await expect(config.set({ DATABASE_URL: 'x' })).rejects.toMatchObject({
    message: /`needs: \[postgres\]` gives it/,
  })
  await expect(config.set({ FIELD_REPORTS_URL: 'x' })).rejects.toMatchObject({ code: 'REFUSED' })
  config.declare({})
  await config.set({ DATABASE_URL: 'postgres://u:p@elsewhere/db' })
  expect(config.changes).toHaveLength(1)
})

test('mistakes are named: no key, a key that is not set, a zero byte, set and unset at once', async () => {
  await config.set({ REGION: 'eu' })
  await expect(config.set({})).rejects.toMatchObject({ code: 'BAD_INPUT' })
  await expect(config.unset(['REGOIN'])).rejects.toMatchObject({
    message: 'web has no REGOIN in stage',
    hint: 'did you mean REGION?',
  })
  await expect(config.set({ ZERO: 'a\0b' })).rejects.toMatchObject({ message: /zero byte/ })
  await expect(config.set({ LONG: 'ä'.repeat(40_000) })).rejects.toMatchObject({
    message: 'the value of LONG has 80000 bytes, and at most 65536 fit',
  })
  await expect(config.list({ environment: 'prd' })).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(config.list({ app: 'wbe' })).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('a secret is shown to whoever may ask, and the timeline says who did', async () => {
  await config.set({ API_KEY: 'hush-hush' })
  expect(await config.reveal('API_KEY', { name: 'grace' })).toEqual({ key: 'API_KEY', value: 'hush-hush' })
  const events = await config.db
    .selectFrom('events')
    .select(['by', 'message', 'facts'])
    .orderBy('position')
    .execute()
  expect(events.at(-1)).toEqual({
    by: 'grace',
    message: 'Looked at API_KEY of web in stage',
    facts: { key: 'API_KEY' },
  })
})

test('no secret is in the database, an event, a kept answer or an error', async () => {
  await config.set({ API_KEY: 'hush-hush-1' })
  await config.set({ API_KEY: 'hush-hush-2', OTHER: { value: 'hush-hush-3', secret: true } })
  await config.snapshot({ MADE: { generated: true }, GIVEN: { secret: true, default: 'hush-hush-4' } })
  const once = { key: 'k', operation: 'config.reveal', request: 'r' } as never
  await config.reveal('API_KEY', { name: 'ada', once })
  expect(await config.db.selectFrom('idempotency').selectAll().execute()).toEqual([])
  const made = await config.reveal('MADE')
  await config.unset(['OTHER'])
  const errors = await Promise.all(
    [
      config.set({ API_KEY: { value: 'hush-hush-5', secret: false } }),
      config.set({ PORT: 'hush-hush-6' }),
      config.set({ NUL: 'hush-hush-7\0' }),
    ].map((failing) => failing.then(String, (error) => `${error} ${error.hint} ${error.stack}`)),
  )
  const stored = (await everythingStored()) + errors.join()
  expect(stored).toContain('API_KEY')
  expect(stored).not.toContain('hush-hush')
  expect(stored).not.toContain(made.value)
})

test('what was unset does not come back with the next set', async () => {
  await config.set({ ONE: 'old', TWO: 'old', API_KEY: 'old' })
  await config.unset(['ONE', 'API_KEY'])
  await config.set({ TWO: 'new' })
  const { plain, secrets } = await config.snapshot()
  expect(plain).toEqual({ TWO: 'new' })
  expect(secrets).toEqual({})
  await expect(config.reveal('API_KEY')).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('a release keeps its values whatever is set later', async () => {
  await config.set({ REGION: 'eu', API_KEY: 'first' })
  const frozen = await config.snapshot()
  await config.set({ REGION: 'us', API_KEY: 'second' })
  await config.unset(['API_KEY'])
  expect(await config.feature.resolve(config.of, frozen)).toEqual({ REGION: 'eu', API_KEY: 'first' })
  expect(await config.feature.secretVersionsNow(config.db, config.of)).toEqual({})
})

test('everything that is required and missing is told at once', async () => {
  await config.set({ REGION: 'eu' })
  const snapshot = await config.snapshot(
    {
      REGION: { required: true },
      ZONE: { required: true },
      API_KEY: { required: true, secret: true },
      LEVEL: { required: true, default: 'info' },
      DATABASE_URL: { required: true },
    },
    { injected: ['DATABASE_URL'] },
  )
  expect(snapshot).toEqual({
    plain: { REGION: 'eu', LEVEL: 'info' },
    secrets: {},
    missing: ['API_KEY', 'ZONE'],
  })
})

test('what a need gives is not frozen, and what is set by hand in its place is told', async () => {
  await config.set({ DATABASE_URL: 'postgres://u:p@mine/db', REGION: 'eu' })
  const snapshot = await config.snapshot({}, { injected: ['DATABASE_URL', 'REPORTS_URL'] })
  expect(snapshot).toEqual({ plain: { REGION: 'eu' }, secrets: {}, missing: [] })
  expect(await config.feature.setByHand(config.db, config.of, ['DATABASE_URL', 'REPORTS_URL'])).toEqual([
    'DATABASE_URL',
  ])
})

test('a generated secret is made up once per environment', async () => {
  const variables = { SESSION_SECRET: { generated: true } }
  const first = await config.snapshot(variables)
  const second = await config.snapshot(variables)
  const prod = { app: 'web', environment: 'prod' }
  const other = await config.snapshot(variables, { where: prod })
  const values = await Promise.all([
    config.feature.resolve(config.of, first),
    config.feature.resolve(config.of, second),
    config.feature.resolve(prod, other),
  ])
  expect(values[0]!.SESSION_SECRET).toMatch(/^[\w-]{43}$/)
  expect(values[1]).toEqual(values[0])
  expect(values[2]!.SESSION_SECRET).not.toBe(values[0]!.SESSION_SECRET)
})

test('a change that is refused leaves no generated secret behind', async () => {
  await config.database
    .change({ name: 'ada' }, async (change) => {
      await config.feature.snapshot(change, 'web', 'stage', {
        MADE: { generated: true, required: false, secret: true },
      })
      throw new Error('refused')
    })
    .catch(() => {})
  expect(await config.feature.secretVersionsNow(config.db, config.of)).toEqual({})
})

test('a key that the source declares as a secret is sealed from the next release on', async () => {
  await config.set({ NOTE: 'was plain' })
  const variables = { NOTE: { secret: true }, GIVEN: { secret: true, default: 'one' } }
  const first = await config.snapshot(variables)
  expect(first.plain).toEqual({})
  expect(await config.feature.resolve(config.of, first)).toEqual({ NOTE: 'was plain', GIVEN: 'one' })
  expect((await config.snapshot(variables)).secrets).toEqual(first.secrets)
  const other = await config.snapshot({ ...variables, GIVEN: { secret: true, default: 'two' } })
  expect(await config.feature.resolve(config.of, other)).toMatchObject({ GIVEN: 'two' })
  expect((await config.snapshot()).secrets).toEqual({ NOTE: first.secrets.NOTE })
})

test('a version never changes, not even by a mistake of ours', async () => {
  await config.set({ REGION: 'eu' })
  await expect(sql`update config_versions set value = 'us'`.execute(config.db)).rejects.toThrow(
    'never changes',
  )
  await expect(sql`delete from config_versions`.execute(config.db)).rejects.toThrow('never changes')
})

test('people who set at the same time lose nothing', async () => {
  const keys = Array.from({ length: 12 }, (_, index) => `KEY${index}_ID`)
  await Promise.all(
    keys.flatMap((key) => [config.set({ [key]: 'x', COMMON: key }), config.set({ API_KEY: key })]),
  )
  expect(Object.keys((await config.snapshot()).plain).sort()).toEqual([...keys, 'COMMON'].sort())
  const { rows } = await sql<{ n: number }>`
    select max(version)::int as n from config_versions where key = 'API_KEY'`.execute(config.db)
  expect(rows).toEqual([{ n: 12 }])
})

test('an app that is removed takes its values with it; one of the same name starts empty', async () => {
  await config.set({ REGION: 'eu', API_KEY: 'hush' })
  await config.set({ REGION: 'eu' }, { app: 'other' })
  await config.database.change({ name: 'ada' }, (change) => config.feature.forget(change, { app: 'web' }))
  expect(await config.snapshot()).toMatchObject({ plain: {}, secrets: {} })
  expect(await config.snapshot({}, { where: { app: 'other', environment: 'stage' } })).toMatchObject({
    plain: { REGION: 'eu' },
  })
  expect((await sql`select from sealed`.execute(config.db)).rows).toEqual([])
})

test('defaults and what needs give are listed beside what is set', async () => {
  await config.set({ REGION: 'eu' })
  config.declare({
    needs: ['postgres', 'reports'],
    variables: { LEVEL: { default: 'info', required: false, secret: false, generated: false } },
  })
  expect(await config.list()).toEqual({
    DATABASE_URL: { secret: true, value: null, source: 'need' },
    LEVEL: { secret: false, value: 'info', source: 'default' },
    REGION: { secret: false, value: 'eu', source: 'set' },
    REPORTS_URL: { secret: false, value: null, source: 'platform' },
  })
})

test('whatever the order of changes, every frozen config keeps what was true when it was made', async () => {
  const key = fc.constantFrom('REGION', 'API_KEY', 'NOTE')
  const step = fc.oneof(
    fc.record({ set: key, value: fc.string({ maxLength: 20 }).map((text) => text.replaceAll('\0', '')) }),
    fc.record({ unset: key }),
    fc.constant({ freeze: true as const }),
    fc.constant({ rotate: true as const }),
  )
  let run = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      run += 1
      const where = { app: `app${run}`, environment: 'stage' }
      const model = new Map<string, string>()
      const frozen: { plain: Record<string, string>; secrets: Record<string, number>; expected: object }[] =
        []
      for (const next of steps) {
        if ('set' in next) {
          await config.set({ [next.set]: next.value }, where)
          model.set(next.set, next.value)
        } else if ('unset' in next) {
          const done = config.unset([next.unset], where)
          if (model.delete(next.unset)) await done
          else await expect(done).rejects.toMatchObject({ code: 'NOT_FOUND' })
        } else if ('rotate' in next) await config.rotate()
        else frozen.push({ ...(await config.snapshot({}, { where })), expected: Object.fromEntries(model) })
      }
      for (const { expected, plain, secrets } of frozen) {
        expect(await config.feature.resolve(where, { plain, secrets })).toEqual(expected)
        expect(Object.keys(secrets)).not.toContain('REGION')
        expect(Object.keys(plain)).not.toContain('API_KEY')
      }
    }),
    { numRuns: 30, verbose: 1 },
  )
})
