import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { createRandom } from '../../../../test/random.ts'
import { SEED } from '../../../../test/seed.ts'
import { serverUser } from './cluster.ts'
import { stablePort } from './port.ts'
import { type Postgres, type PostgresOptions, startPostgres } from './postgres.ts'
import { isAlive } from './postmaster.ts'
import { stopServer } from './server.ts'

let made: string
let home: string
let messages: string[]
const running = new Set<Postgres>()

/** A server's folder as its first start leaves it, for the tests that are about what comes after. */
beforeAll(async () => {
  made = await mkdtemp(join(tmpdir(), 'tow-pg-made-'))
  const postgres = await startPostgres({ folder: join(made, 'postgres'), name: 'the first', onLog: () => {} })
  await postgres.stop()
})
afterAll(() => rm(made, { recursive: true, force: true }))

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'tow-pg-'))
  messages = []
})

afterEach(async () => {
  for (const postgres of running) await postgres.stop()
  running.clear()
  await rm(home, { recursive: true, force: true })
})

/** Copied with its owner, which Node's own `cp` does not keep. */
async function startMade(options: Partial<PostgresOptions> = {}): Promise<Postgres> {
  await promisify(execFile)('cp', ['-a', join(made, 'postgres'), join(home, 'postgres')])
  return start(options)
}

async function start(options: Partial<PostgresOptions> = {}): Promise<Postgres> {
  const postgres = await startPostgres({
    folder: join(home, 'postgres'),
    name: 'the tested PostgreSQL',
    onLog: (message) => messages.push(message),
    ...options,
  })
  running.add(postgres)
  return postgres
}

function leave(postgres: Postgres): number {
  postgres.leave()
  running.delete(postgres)
  return postgres.pid()
}

async function query(connection: pg.PoolConfig, text: string, values: unknown[] = []) {
  const client = new pg.Client(connection as pg.ClientConfig)
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(text, values)).rows
  } finally {
    await client.end()
  }
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10))
}

test('a first start makes a durable server that takes nobody without the password', async () => {
  const postgres = await start()
  const { connection } = postgres
  expect(await query(connection, 'show fsync')).toEqual([{ fsync: 'on' }])
  expect(await query(connection, 'show synchronous_commit')).toEqual([{ synchronous_commit: 'on' }])
  expect(await query(connection, 'show listen_addresses')).toEqual([{ listen_addresses: '' }])
  await expect(query({ ...connection, password: 'guess' }, 'select 1')).rejects.toMatchObject({
    code: '28P01',
  })
  expect((await stat(join(home, 'postgres/password'))).mode & 0o777).toBe(0o600)
  expect(await postgres.check()).toMatchObject({ ok: true, message: /PostgreSQL 18\.\d+ answers/ })
})

test('a platform that comes back adopts the server that is there, with its data', async () => {
  const first = await startMade()
  await query(first.connection, 'create table boats (name text)')
  const pid = leave(first)
  const second = await start()
  expect(second.pid()).toBe(pid)
  expect(await query(second.connection, 'select count(*)::int from boats')).toEqual([{ count: 0 }])
  await second.stop()
  running.delete(second)
  expect(isAlive(pid)).toBe(false)
  const third = await start()
  expect(third.pid()).not.toBe(pid)
})

test('a server killed while it writes is started again and has every acknowledged row', async () => {
  const postgres = await startMade()
  const { connection } = postgres
  await query(connection, 'create table log (entry int primary key)')
  const client = new pg.Client(connection as pg.ClientConfig)
  client.on('error', () => {})
  await client.connect()
  const acknowledged: number[] = []
  const writing = (async () => {
    for (let entry = 0; ; entry += 1) {
      await client.query('insert into log values ($1)', [entry])
      acknowledged.push(entry)
    }
  })().catch(() => {})
  await until(() => acknowledged.length > 200)
  const killed = postgres.pid()
  process.kill(killed, 'SIGKILL')
  await until(() => postgres.pid() !== killed)
  await writing
  await client.end().catch(() => {})
  const rows = await query(connection, 'select entry from log order by entry')
  expect(rows.map((row) => row.entry).slice(0, acknowledged.length)).toEqual(acknowledged)
  await until(() => messages.length > 1)
  expect(messages[0]).toBe(`the tested PostgreSQL ended by itself (pid ${killed}); starting it again`)
  expect(messages[1]).toBe(`the tested PostgreSQL is back (pid ${postgres.pid()})`)
})

test('a server that is told to end while it recovers comes back, though PostgreSQL may never end then', async ({
  skip,
}) => {
  if (process.platform !== 'linux') skip('finds processes of the server in /proc')
  const postgres = await startMade()
  const random = createRandom(SEED)
  for (let round = 0; round < 3; round += 1) {
    const told = postgres.pid()
    const children = (await readFile(`/proc/${told}/task/${told}/children`, 'utf8')).trim().split(' ')
    process.kill(Number(random.pick(children)), 'SIGKILL')
    await sleep(10 + random.below(40))
    process.kill(told, 'SIGINT')
    await until(() => postgres.pid() !== told)
    expect(await query(postgres.connection, 'select 1 as one')).toEqual([{ one: 1 }])
  }
}, 60_000)

test('a server whose platform was killed goes on, and the next platform adopts it', async () => {
  const folder = join(home, 'postgres')
  const child = spawn(process.execPath, ['--input-type=module', '-e', platformThatWaits(folder)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [pid] = await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
  const postgres = await start()
  expect(postgres.pid()).toBe(Number(pid))
})

test('a pid file that names another program’s process is taken over', async () => {
  const first = await startMade()
  await query(first.connection, 'create table boats (name text)')
  const pidFile = join(home, 'postgres/data/postmaster.pid')
  const pid = leave(first)
  const text = await readFile(pidFile, 'utf8')
  process.kill(pid, 'SIGKILL')
  await until(() => !isAlive(pid))
  // Of the same user: a pid of someone else's is no hindrance to PostgreSQL.
  const stranger = spawn('sleep', ['600'], { stdio: 'ignore', ...(await serverUser()) })
  try {
    await writeFile(pidFile, text.replace(/^.*/, String(stranger.pid)))
    const second = await start()
    expect(second.pid()).not.toBe(stranger.pid)
    expect(await query(second.connection, 'select * from boats')).toEqual([])
    expect(isAlive(stranger.pid!)).toBe(true)
  } finally {
    stranger.kill('SIGKILL')
  }
})

test.each(['taken away', 'emptied'])(
  'a server whose pid file was %s is ended before another one starts',
  async (how) => {
    const first = await startMade()
    await query(first.connection, 'create table boats (name text)')
    await query(first.connection, `insert into boats values ('Ada')`)
    const pidFile = join(home, 'postgres/data/postmaster.pid')
    const pid = leave(first)
    await (how === 'emptied' ? writeFile(pidFile, '') : rm(pidFile))
    const second = await start()
    expect(isAlive(pid)).toBe(false)
    expect(await query(second.connection, 'select name from boats')).toEqual([{ name: 'Ada' }])
    expect(messages[0]).toBe(`the tested PostgreSQL lost its pid file (pid ${pid}) and is started anew`)
  },
)

test('what a killed first start left behind is cleared away', async () => {
  await mkdir(join(home, 'postgres/making-abc/data'), { recursive: true })
  await writeFile(join(home, 'postgres/making-abc/data/PG_VERSION'), '18')
  await start()
  expect((await readdir(join(home, 'postgres'))).filter((name) => name.startsWith('making'))).toEqual([])
})

test('data of another major version is refused in one sentence', async () => {
  await mkdir(join(home, 'postgres/data'), { recursive: true })
  await writeFile(join(home, 'postgres/data/PG_VERSION'), '16\n')
  await expect(start()).rejects.toMatchObject({
    code: 'REFUSED',
    message: `the data in ${home}/postgres/data was written by PostgreSQL 16, and the PostgreSQL installed here is 18`,
  })
})

test('a lost password is named, with the file that is missing', async () => {
  await mkdir(join(home, 'postgres/data'), { recursive: true })
  await writeFile(join(home, 'postgres/data/PG_VERSION'), '18\n')
  await expect(start()).rejects.toMatchObject({
    message: `the password of the PostgreSQL in ${home}/postgres/data is gone: ${home}/postgres/password`,
  })
})

test('a home too deep for a unix socket gets its socket in a private folder in /tmp', async () => {
  const folder = join(home, 'a-name-of-forty-characters-to-get-deeper', 'x'.repeat(60), 'postgres')
  if (process.getuid?.() === 0) await mkdir(join(folder, '..'), { recursive: true, mode: 0o755 })
  if (process.getuid?.() === 0) await chmod(home, 0o755)
  const postgres = await start({ folder })
  try {
    expect(postgres.socketFolder).toMatch(/^\/tmp\/tow-[0-9a-f]{16}$/)
    expect((await stat(postgres.socketFolder)).mode & 0o777).toBe(0o700)
    expect(await query(postgres.connection, 'select 1 as one')).toEqual([{ one: 1 }])
  } finally {
    await rm(postgres.socketFolder, { recursive: true, force: true })
  }
})

test('a server with a port answers on 127.0.0.1 alone, and its port stays', async () => {
  const port = await stablePort(join(made, 'postgres'))
  const postgres = await startMade({ tcpPort: port })
  expect(
    await query({ connectionString: postgres.adminUrl! }, 'select inet_server_addr()::text as at'),
  ).toEqual([{ at: '127.0.0.1/32' }])
  expect(await stablePort(join(home, 'postgres'))).toBe(port)
  const pid = leave(postgres)
  await stopServer(pid)
  const stranger = createServer()
  await new Promise<void>((resolve) => stranger.listen(port, '127.0.0.1', resolve))
  try {
    await expect(start({ tcpPort: port })).rejects.toMatchObject({
      code: 'CONFLICT',
      message: `the tested PostgreSQL can't listen on 127.0.0.1:${port}: the port is taken`,
    })
  } finally {
    stranger.close()
  }
})

test('a failed statement leaves no value in the log', async () => {
  const postgres = await startMade()
  await query(postgres.connection, 'create table boats (name text primary key)')
  await query(postgres.connection, `insert into boats values ('hush-hush')`)
  await query(postgres.connection, `insert into boats values ('hush-hush')`).catch(() => {})
  await query(postgres.connection, `alter role nobody_there password 'hush-hush'`).catch(() => {})
  const log = await readFile(join(home, 'postgres/postgres.log'), 'utf8')
  expect(log).toContain('duplicate key')
  expect(log).not.toContain('hush-hush')
})

test('an ordinary user runs it under their own name', async ({ skip }) => {
  skip(process.getuid?.() !== 0, 'only root can start it as someone else; the other tests run as you')
  const folder = join(home, 'theirs')
  await chmod(home, 0o755)
  await mkdir(folder)
  await chown(folder, 65_534, 65_534)
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', platformThatWaits(join(folder, 'postgres'))],
    { stdio: ['pipe', 'pipe', 'inherit'], uid: 65_534, gid: 65_534, cwd: '/', env: { HOME: folder } },
  )
  const [pid] = await once(child.stdout, 'data')
  expect((await stat(join(folder, 'postgres/password'))).uid).toBe(65_534)
  expect((await stat(`/proc/${Number(pid)}`).catch(() => null))?.uid ?? 65_534).toBe(65_534)
  child.stdin?.end()
  const [code] = await once(child, 'exit')
  expect(code).toBe(0)
  expect(isAlive(Number(pid))).toBe(false)
})

/** A program that starts a server, says its pid, and stops it when its input ends. */
function platformThatWaits(folder: string): string {
  return `
    import { startPostgres } from ${JSON.stringify(new URL('./postgres.ts', import.meta.url).href)}
    const postgres = await startPostgres({ folder: ${JSON.stringify(folder)}, name: 'theirs', onLog: console.error })
    process.stdout.write(String(postgres.pid()))
    const alive = setInterval(() => {}, 1000)
    process.stdin.resume()
    process.stdin.on('end', () => postgres.stop().then(() => clearInterval(alive)))
  `
}
