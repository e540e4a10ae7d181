/** Debian's PostgreSQL on an address that others reach, with passwords: a server as a company would have it. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'

const execute = promisify(execFile)
const VERSIONS = '/usr/lib/postgresql'
const bin = existsSync(VERSIONS)
  ? readdirSync(VERSIONS)
      .map((version) => join(VERSIONS, version, 'bin'))
      .find((folder) => existsSync(join(folder, 'initdb')))
  : undefined

/** Why there is none here, or null. */
export const withoutDebianPostgres = bin ? null : 'Debian’s postgresql is not installed'

export interface DebianPostgres {
  /** Of a role that may make databases and roles, and is no superuser. */
  url: string
  /** Of the superuser. */
  superuser: string
  stop(): Promise<void>
}

const PASSWORD = 'only-for-tests'

export async function startDebianPostgres(host: string): Promise<DebianPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'tow-debian-'))
  const who = await ordinaryUser()
  const passwords = join(folder, 'password')
  const data = join(folder, 'data')
  await writeFile(passwords, PASSWORD, { mode: 0o600 })
  await chmod(folder, 0o700)
  if (who.uid !== undefined) for (const path of [folder, passwords]) await chown(path, who.uid, who.gid!)
  const words = [
    '-D',
    data,
    '-U',
    'company',
    '--pwfile',
    passwords,
    '-A',
    'scram-sha-256',
    '-E',
    'UTF8',
    '-N',
  ]
  await execute(join(bin!, 'initdb'), [...words, '--locale=C.UTF-8'], { ...who, cwd: folder })
  await writeFile(join(data, 'pg_hba.conf'), 'host all all all scram-sha-256\n')
  const port = await freePort(host)
  const settings = { listen_addresses: host, port: String(port), unix_socket_directories: '', fsync: 'off' }
  const given = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const server = spawn(join(bin!, 'postgres'), ['-D', data, ...given], {
    ...who,
    cwd: folder,
    stdio: 'ignore',
  })
  const ended = once(server, 'exit')
  const superuser = `postgres://company:${PASSWORD}@${host}:${port}/postgres`
  await untilItAnswers(superuser, server)
  await ask(superuser, `create role towpath login createdb createrole password '${PASSWORD}'`)
  return {
    url: `postgres://towpath:${PASSWORD}@${host}:${port}/postgres`,
    superuser,
    async stop() {
      server.kill('SIGINT')
      await ended
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export async function ask(url: string, text: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 })
  client.on('error', () => {})
  await client.connect()
  try {
    return await client.query(text)
  } finally {
    await client.end()
  }
}

/** It refuses to run as root. */
async function ordinaryUser(): Promise<{ uid?: number; gid?: number }> {
  if (process.getuid?.() !== 0) return {}
  const idOf = async (flag: string) => Number((await execute('id', [flag, 'postgres'])).stdout)
  return { uid: await idOf('-u'), gid: await idOf('-g') }
}

async function freePort(host: string): Promise<number> {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

async function untilItAnswers(url: string, server: { exitCode: number | null }): Promise<void> {
  for (;;) {
    try {
      return void (await ask(url, 'select 1'))
    } catch (error) {
      if (server.exitCode !== null) throw error
      await sleep(50)
    }
  }
}
