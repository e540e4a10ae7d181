/** The platform as a process: what it says when it can't start, what it leaves when it ends, and what a kill costs. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeCertificates } from '../../test/certificates.ts'
import { openTestDatabase } from '../../test/database.ts'
import { PlatformFile } from '../api/platform-file.ts'
import { VERSION } from '../api/version.ts'
import { type Client, createClient } from '../client/client.ts'
import { createBlobStore } from '../trees/blob-store.ts'
import { storeFolder } from '../trees/store-folder.ts'

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))

interface Started {
  child: ChildProcess
  output: () => string
  exit: Promise<number | null>
}

let home: string
const homes: string[] = []
const started: Started[] = []

function makeHome(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tow-main-'))
  homes.push(folder)
  return folder
}

beforeEach(() => {
  home = makeHome()
})

afterEach(async () => {
  for (const { child, exit } of started.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await exit
  }
  // The database outlives its platform on purpose: a platform that is asked to stop everything ends it.
  for (const folder of homes.splice(0)) {
    if (existsSync(join(folder, 'postgres', 'data', 'postmaster.pid'))) {
      const last = start(['--home', folder, '--port', '0'])
      const client = await answering(last, folder)
      await client.system.stop({ everything: true })
      await last.exit
    }
    await rm(folder, { recursive: true, force: true })
  }
  started.splice(0)
})

function start(args: string[], env: Record<string, string> = {}): Started {
  const { DATABASE_URL: _, ...own } = process.env
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { NODE_COMPILE_CACHE: join(tmpdir(), 'tow-test-compiled'), ...own, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
  }
  const exit = once(child, 'close').then(([code]) => code as number | null)
  const one = { child, output: () => text, exit }
  started.push(one)
  return one
}

/** A client, once the platform has said that it answers. */
async function answering({ child, output, exit }: Started, of = home): Promise<Client> {
  const ended = exit.then((code) => {
    throw new Error(`it ended with ${code}: ${output()}`)
  })
  while (!output().includes('answers at')) await Promise.race([once(child.stdout!, 'data'), ended])
  ended.catch(() => {})
  const file = platformFile(of)
  return createClient({ url: file.url, token: readFileSync(file.tokenFile, 'utf8').trim() })
}

const platformFile = (of = home) =>
  PlatformFile.parse(JSON.parse(readFileSync(join(of, 'platform.json'), 'utf8')))

describe('a platform', { timeout: 120_000 }, () => {
  test('is the only one on its home, survives a kill, and ends in order', async () => {
    const first = start(['--home', home, '--port', '0'])
    const client = await answering(first)
    expect(platformFile()).toMatchObject({ pid: first.child.pid, version: VERSION })
    expect(statSync(platformFile().tokenFile).mode & 0o777).toBe(0o600)
    await client.environments.add({ name: 'qa' })

    const second = start(['--home', home, '--port', '0'])
    expect(await second.exit).toBe(1)
    expect(second.output()).toBe(
      `a platform already runs on ${home}, as process ${first.child.pid}\ntow status; tow down stops it\n`,
    )

    first.child.kill('SIGKILL')
    await first.exit
    const third = start(['--home', home, '--port', '0'])
    const after = await answering(third)
    expect((await after.environments.list()).map(({ name }) => name)).toEqual(['stage', 'prod', 'qa'])
    expect((await after.system.status()).parts.every(({ ok }) => ok)).toBe(true)

    third.child.kill('SIGTERM')
    expect(await third.exit).toBe(0)
    expect(existsSync(join(home, 'platform.json'))).toBe(false)
    expect(existsSync(join(home, 'lock'))).toBe(false)

    const fourth = start(['--home', home, '--port', '0'])
    const last = await answering(fourth)
    expect(await last.system.stop({ everything: true })).toEqual({
      stopping: ['platform', 'apps', 'databases'],
    })
    expect(await fourth.exit).toBe(0)
    expect(existsSync(join(home, 'postgres', 'data', 'postmaster.pid'))).toBe(false)
  })

  test('says that the port it was asked for is taken, and leaves no lock', async () => {
    const database = await openTestDatabase()
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as { port: number }
    const refused = start(['--home', home, '--port', String(port)], { DATABASE_URL: database.url })
    expect(await refused.exit).toBe(1)
    expect(refused.output()).toContain(`port ${port} is taken by another program\n`)
    expect(refused.output()).toContain('--port')
    expect(existsSync(join(home, 'lock'))).toBe(false)
    other.close()
    await database.close()
  })

  test('listens beyond loopback with TLS, where it builds nothing of others, and not without', async () => {
    const database = await openTestDatabase()
    try {
      const refused = start(['--home', home, '--port', '0', '--listen', '0.0.0.0:8700'])
      expect(await refused.exit).toBe(1)
      expect(refused.output()).toContain('needs --tls-cert and --tls-key')
      const { cert, key } = makeCertificates(home).issue(['tow.example.com'])
      const tls = ['--tls-cert', cert, '--tls-key', key]
      const beyond = start(['--home', home, '--port', '0', '--listen', '0.0.0.0:0', ...tls], {
        DATABASE_URL: database.url,
      })
      const client = await answering(beyond)
      expect(platformFile().publicUrl).toMatch(/^https:\/\/tow\.example\.com:\d+$/)
      const source = join(home, 'source')
      mkdirSync(source)
      writeFileSync(join(source, 'index.html'), 'hello')
      const { tree } = await storeFolder(source, createBlobStore(join(home, 'blobs')))
      await client.trees.put({ hash: tree.hash, upserts: [...tree.entries], removals: [] })
      const { id } = await client.ships.start({ tree: tree.hash, folderName: 'shop' })
      await expect
        .poll(async () => (await client.ships.get({ id })).apps[0]?.error?.message, { timeout: 20_000 })
        .toContain('listens beyond its own machine')
      beyond.child.kill('SIGTERM')
      expect(await beyond.exit).toBe(0)
    } finally {
      await database.close()
    }
  })

  test('says that a word is no port', async () => {
    const refused = start(['--home', home, '--port=-1'])
    expect(await refused.exit).toBe(1)
    expect(refused.output()).toContain('not "-1"')
  })

  test('works on the database that DATABASE_URL names, and no second one does', async () => {
    const database = await openTestDatabase()
    const other = makeHome()
    try {
      const first = start(['--home', home, '--port', '0'], { DATABASE_URL: database.url })
      const client = await answering(first)
      expect(existsSync(join(home, 'postgres'))).toBe(false)
      expect((await client.system.status()).parts.find(({ name }) => name === 'database')?.ok).toBe(true)
      const second = start(['--home', other, '--port', '0'], { DATABASE_URL: database.url })
      expect(await second.exit).toBe(1)
      expect(second.output()).toContain('another platform already works on this database')
      first.child.kill('SIGTERM')
      expect(await first.exit).toBe(0)
    } finally {
      await database.close()
    }
  })

  test('says that the database of DATABASE_URL does not answer, without its password', async () => {
    const refused = start(['--home', home, '--port', '0'], {
      DATABASE_URL: 'postgres://ada:hunter2@127.0.0.1:1/tow',
    })
    expect(await refused.exit).toBe(1)
    expect(refused.output()).toContain('the platform’s database does not answer')
    expect(refused.output()).toContain('DATABASE_URL')
    expect(refused.output()).not.toContain('hunter2')
  })
})
