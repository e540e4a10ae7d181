import { spawnSync } from 'node:child_process'
import { chmod, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { RotationStep } from './rotate.ts'
import { openConfig } from './test-config.ts'

let config: Awaited<ReturnType<typeof openConfig>>
beforeAll(async () => {
  config = await openConfig()
})
beforeEach(() => config.reset())
afterAll(() => config.close())

const keyFiles = async () => (await readdir(config.keysFolder)).map((name) => join(config.keysFolder, name))
const theKey = async () => (await keyFiles())[0]!

test('the key is in a file of its own that only its owner can read', async () => {
  await config.set({ API_KEY: 'hush' })
  expect(await keyFiles()).toHaveLength(1)
  expect((await stat(await theKey())).mode & 0o777).toBe(0o600)
  expect((await stat(config.keysFolder)).mode & 0o777).toBe(0o700)
  expect(await config.feature.vault.check(config.db)).toMatchObject({ ok: true })
})

test('a key file that others can read is refused with the command that mends it', async () => {
  await config.set({ API_KEY: 'hush' })
  const frozen = await config.snapshot()
  const path = await theKey()
  await chmod(path, 0o644)
  const restarted = config.again()
  const refusal = {
    code: 'REFUSED',
    message: `the key file ${path} can be read by others (mode 644)`,
    hint: `chmod 600 ${path}`,
  }
  await expect(restarted.resolve(config.of, frozen)).rejects.toMatchObject(refusal)
  expect(await config.feature.vault.check(config.db)).toMatchObject({ ok: false, mend: refusal.hint })
  await chmod(path, 0o600)
  expect(await restarted.resolve(config.of, frozen)).toEqual({ API_KEY: 'hush' })
})

test('a lost key is told with all the secrets that hang on it, and setting them again mends it', async () => {
  await config.set({ API_KEY: 'one', TOKEN: 'two', REGION: 'eu' })
  const path = await theKey()
  await rm(path)
  const restarted = config.again()
  const frozen = await config.snapshot()
  await expect(restarted.resolve(config.of, frozen)).rejects.toMatchObject({
    message: `the secret API_KEY (version 1) of web in stage and the secret TOKEN (version 1) of web in stage can't be read: the key file ${path} is gone`,
    hint: `put ${path} back from a backup, or set again: tow config set API_KEY=... TOKEN=... -a web -e stage`,
  })
  await config.database.change({ name: 'ada' }, async (change) => {
    await restarted.vault.keep(
      change.db,
      { ...config.of, key: 'need:postgres', version: 1 },
      'sealed with a new key',
    )
  })
  expect(await keyFiles()).toHaveLength(1)
  const place = { ...config.of, key: 'need:postgres', version: 1 }
  expect(await config.again().vault.open(config.db, [place])).toEqual(['sealed with a new key'])
})

test('a file that holds another key than it should is refused', async () => {
  await config.set({ API_KEY: 'hush' })
  const frozen = await config.snapshot()
  const path = await theKey()
  await writeFile(path, Buffer.alloc(32).toString('base64'))
  await expect(config.again().resolve(config.of, frozen)).rejects.toMatchObject({
    message: `the key file ${path} does not hold the key that it should`,
  })
  await writeFile(path, 'nonsense')
  await expect(config.again().resolve(config.of, frozen)).rejects.toMatchObject({ hint: /from a backup/ })
})

test('a sealed row that was put in another’s place does not open', async () => {
  await config.set({ API_KEY: 'mine' })
  await config.set({ API_KEY: 'theirs' }, { environment: 'prod' })
  const frozen = await config.snapshot()
  await sql`
    update sealed set sealed = other.sealed from sealed other
    where sealed.environment = 'stage' and other.environment = 'prod'`.execute(config.db)
  await expect(config.feature.resolve(config.of, frozen)).rejects.toMatchObject({
    message:
      'the secret API_KEY (version 1) of web in stage was changed in the database behind the platform’s back and is not used',
  })
})

test('an old version put over a new one does not open', async () => {
  await config.set({ API_KEY: 'old' })
  await config.set({ API_KEY: 'new' })
  await sql`
    update sealed set sealed = other.sealed from sealed other
    where sealed.version = 2 and other.version = 1`.execute(config.db)
  await expect(config.reveal('API_KEY')).rejects.toMatchObject({ code: 'REFUSED' })
})

test('a rotation seals every version anew and removes the old key', async () => {
  await config.set({ API_KEY: 'old' })
  const frozen = await config.snapshot()
  await config.set({ API_KEY: 'new', TOKEN: 'other' })
  const before = await theKey()
  const { rows } = await sql<{ sealed: Buffer }>`select sealed from sealed`.execute(config.db)
  const answer = await config.rotate()
  expect(answer.secrets).toBe(3)
  expect(await keyFiles()).toEqual([join(config.keysFolder, `${answer.key}.key`)])
  expect(await theKey()).not.toBe(before)
  const after = await sql<{ sealed: Buffer }>`select sealed from sealed`.execute(config.db)
  const texts = rows.map(({ sealed }) => sealed.toString('hex'))
  expect(after.rows.filter(({ sealed }) => texts.includes(sealed.toString('hex')))).toEqual([])
  expect(await config.again().resolve(config.of, frozen)).toEqual({ API_KEY: 'old' })
  expect(await config.reveal('API_KEY')).toMatchObject({ value: 'new' })
  const events = await config.db.selectFrom('events').select('message').orderBy('position', 'desc').execute()
  expect(events.map(({ message }) => message)).toContain(
    'Rotated the encryption key; 3 secrets are sealed with the new one',
  )
})

test('a rotation of many secrets misses none, and those set meanwhile are readable', async () => {
  const many = Object.fromEntries(Array.from({ length: 499 }, (_, index) => [`TOKEN_${index}`, `t${index}`]))
  await config.set(many)
  await config.set({ LAST_TOKEN: 'last', FIRST_TOKEN: 'first' }, { environment: 'prod' })
  const [answer] = await Promise.all([config.rotate(), config.set({ API_KEY: 'meanwhile' })])
  expect([501, 502]).toContain(answer.secrets)
  expect(await keyFiles()).toHaveLength(1)
  const restarted = config.again()
  expect(await restarted.resolve(config.of, await config.snapshot())).toEqual({
    ...many,
    API_KEY: 'meanwhile',
  })
})

test('a rotation waits for whoever is sealing, and seals that anew as well', async () => {
  await config.set({ API_KEY: 'hush' })
  const place = { ...config.of, key: 'need:postgres', version: 1 }
  let rotation: ReturnType<typeof config.rotate>
  await config.database.change({ name: 'ada' }, async (change) => {
    await config.feature.vault.keep(change.db, place, 'not committed yet')
    rotation = config.rotate()
    await Promise.race([rotation, untilSomeoneWaits()])
  })
  expect(await rotation!).toMatchObject({ secrets: 2 })
  expect(await config.again().vault.open(config.db, [place])).toEqual(['not committed yet'])
})

test('two rotations at once both end, and everything is readable', async () => {
  await config.set({ API_KEY: 'hush' })
  await Promise.all([config.rotate(), config.rotate()])
  expect(await keyFiles()).toHaveLength(1)
  expect(await config.again().resolve(config.of, await config.snapshot())).toEqual({ API_KEY: 'hush' })
})

test.each<RotationStep>(['key-written', 'rows-sealed', 'committed', 'cleaned'])(
  'a rotation killed at "%s" loses no secret, and the next start ends it',
  async (step) => {
    await config.set({ API_KEY: 'hush', TOKEN: 'too' })
    const frozen = await config.snapshot()
    const program = `
      import { openDatabase } from ${url('../../kernel/database.ts')}
      import { createVault } from ${url('./vault.ts')}
      import { rotate } from ${url('./rotate.ts')}
      const database = openDatabase({ connection: ${JSON.stringify(config.connection)} })
      const vault = createVault({ folder: ${JSON.stringify(config.keysFolder)}, now: () => new Date() })
      await rotate(database, vault, { name: 'ada' }, (step) => {
        if (step === ${JSON.stringify(step)}) process.kill(process.pid, 'SIGKILL')
      })`
    const { signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program])
    expect({ signal, stderr: String(stderr) }).toEqual({ signal: 'SIGKILL', stderr: '' })
    const restarted = config.again()
    await restarted.start?.()
    expect(await restarted.resolve(config.of, frozen)).toEqual({ API_KEY: 'hush', TOKEN: 'too' })
    expect(await restarted.vault.check(config.db)).toMatchObject({ ok: true })
    const { rows } = await sql<{ id: string }>`select distinct key_id as id from sealed`.execute(config.db)
    expect(rows).toHaveLength(1)
    // A key that was made and never used may lie beside it; one that was retired may not.
    expect(await keyFiles()).toHaveLength(step === 'key-written' || step === 'rows-sealed' ? 2 : 1)
    expect(await readFile(join(config.keysFolder, `${rows[0]!.id}.key`), 'utf8')).toMatch(/^[\w+/]{43}=\n$/)
    await config.rotate()
    expect(await config.again().resolve(config.of, frozen)).toEqual({ API_KEY: 'hush', TOKEN: 'too' })
  },
)

async function untilSomeoneWaits(): Promise<void> {
  for (;;) {
    const { rows } = await sql`
      select from pg_locks where not granted and database = (select oid from pg_database where datname = current_database())`.execute(
      config.db,
    )
    if (rows.length > 0) return
  }
}

function url(path: string): string {
  return JSON.stringify(new URL(path, import.meta.url).href)
}
