import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { environmentOf } from './environment.ts'
import { withoutShell } from './launcher.ts'
import { takeLock } from './lock.ts'
import { parseTargetName, pathsOf, prepareRunFolder, targetName } from './paths.ts'
import { clockToMilliseconds, parseTcpTable } from './processes.ts'
import { openSeal } from './seal.ts'
import { openTables } from './tables.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tow-parts-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('the seal', () => {
  test('opens what was sealed with the same key file, which only its owner reads', () => {
    const sealed = openSeal(`${folder}/key`).seal('secret')
    expect(sealed).not.toContain('secret')
    expect(openSeal(`${folder}/key`).open(sealed)).toBe('secret')
    expect(statSync(`${folder}/key`).mode & 0o777).toBe(0o600)
  })

  test('refuses another key and changed bytes with one sentence', () => {
    const sealed = openSeal(`${folder}/key`).seal('secret')
    expect(() => openSeal(`${folder}/other`).open(sealed)).toThrow(/cannot be read with the key/)
    const changed = Buffer.from(sealed, 'base64')
    changed[changed.length - 1]! ^= 1
    expect(() => openSeal(`${folder}/key`).open(changed.toString('base64'))).toThrow(/cannot be read/)
  })
})

test('a key file that is damaged is no key, and is never made anew by itself', () => {
  openSeal(`${folder}/key`)
  for (const damaged of [Buffer.alloc(0), Buffer.from('half a key')]) {
    writeFileSync(`${folder}/key`, damaged)
    expect(() => openSeal(`${folder}/key`)).toThrow(`the key file ${folder}/key is damaged`)
    expect(readFileSync(`${folder}/key`)).toEqual(damaged)
  }
})

describe('tables', () => {
  const target = { app: 'missions', environment: 'stage' }
  // Above what the system gives to outgoing connections.
  const ranges = { doors: 17_000, processes: 61_000 }

  test('keep the ports and the user of a target over a restart, and give no two the same', async () => {
    const first = openTables(`${folder}/tables.json`, ranges, true)
    const ports = await first.ports(target)
    const other = await first.ports({ app: 'reports', environment: 'stage' })
    expect(new Set([...Object.values(ports), ...Object.values(other)]).size).toBe(4)
    const uid = first.uid(target)
    expect(uid).toBeGreaterThanOrEqual(20_000)
    expect(first.uid({ ...target, environment: 'prod' })).toBe(uid)
    expect(first.uid({ app: 'reports', environment: 'stage' })).not.toBe(uid)
    const second = openTables(`${folder}/tables.json`, ranges, true)
    expect(await second.ports(target)).toEqual(ports)
    expect(second.uid(target)).toBe(uid)
  })

  test.each(['', '{"ports":{"stage.mi', '[]', 'null', '{"uids":3}'])(
    'whose file says %j are made anew, and no app gets the user of another',
    (text) => {
      writeFileSync(`${folder}/tables.json`, text)
      const owners = () => ({ reports: 20_000, missions: 20_004 })
      const tables = openTables(`${folder}/tables.json`, ranges, true, owners)
      expect(tables.problem()?.message).toContain(`${folder}/tables.json.damaged`)
      expect(readFileSync(`${folder}/tables.json.damaged`, 'utf8')).toBe(text)
      expect(tables.uid(target)).toBe(20_004)
      expect(tables.uid({ app: 'web', environment: 'stage' })).toBe(20_005)
      expect(openTables(`${folder}/tables.json`, ranges, true).problem()).toBeNull()
    },
  )

  test('give no door a port that browsers refuse to open', async () => {
    const usual = await openTables(`${folder}/tables.json`, ranges, false).ports(target)
    // The same target in a range that is shifted so that its usual place is 6000, which browsers keep for X11.
    const shifted = { ...ranges, doors: ranges.doors + 6000 - usual.public }
    const ports = await openTables(`${folder}/shifted.json`, shifted, false).ports(target)
    expect(ports.public).toBeGreaterThan(6000)
  })

  test('lend no port that somebody listens on, on whatever address', async () => {
    const tables = openTables(`${folder}/tables.json`, ranges, false)
    const next = (port: number) => ranges.processes + ((port + 1 - ranges.processes) % 4000)
    const first = await tables.borrowPort()
    const server = createServer().listen(next(first), '0.0.0.0')
    await new Promise((resolve) => server.once('listening', resolve))
    expect(await tables.borrowPort()).toBe(next(next(first)))
    await new Promise((resolve) => server.close(resolve))
    expect(tables.uid(target)).toBeNull()
  })
})

describe('a process', () => {
  const set = {
    id: 'v3',
    release: 3,
    workspace: '/w',
    env: { A: '1', HOME: '/mine' },
    path: ['/w/bin', '/rt'],
    artifact: '',
  }
  const target = { app: 'missions', environment: 'stage' }

  test('gets its own values over ours, but never over the port, and nothing else', () => {
    const own = { ...set, env: { ...set.env, PORT: '1' } }
    const env = environmentOf({ target, set: own, process: 'web.1', port: 4711, dwelling: '/d', tty: false })
    expect(env).toEqual({
      A: '1',
      HOME: '/mine',
      TMPDIR: '/d/tmp',
      LANG: 'C.UTF-8',
      PATH: '/w/bin:/rt:/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin',
      PORT: '4711',
      TOW_APP: 'missions',
      TOW_ENVIRONMENT: 'stage',
      TOW_RELEASE: 'v3',
      TOW_PROCESS: 'web.1',
    })
  })

  test('knows the space that it is a copy in, and what it is called there', () => {
    const at = { process: 'web.1', port: null, dwelling: '/d', tty: false }
    const copy = environmentOf({ ...at, target: { ...target, space: 'mine' }, set: { ...set, id: 'mine.3' } })
    expect(copy).toMatchObject({ TOW_ENVIRONMENT: 'stage', TOW_SPACE: 'mine', TOW_RELEASE: 'mine.3' })
  })

  test('takes the place of its shell where the command is a plain one', () => {
    expect(withoutShell('node server.js --port $PORT')).toBe('exec node server.js --port $PORT')
    expect(withoutShell(`node -e "console.log('a b')"`)).toBe(`node -e "console.log('a b')"`)
    for (const shell of ['A=1 node x', 'cd a && node x', 'node x | tee y', 'test -f x', 'node x; node y']) {
      expect(withoutShell(shell)).toBe(shell)
    }
  })
})

test('a target’s name can be split again', () => {
  const target = { app: 'my-app', environment: 'prod' }
  expect(parseTargetName(targetName(target))).toEqual(target)
  const copy = { ...target, space: 'pr-123' }
  expect(targetName(copy)).toBe('prod.my-app--pr-123')
  expect(parseTargetName(targetName(copy))).toEqual(copy)
  for (const no of ['a.b.c', 'a', 'a.', 'a.b--', 'a.b--c--d']) expect(parseTargetName(no)).toBeNull()
})

test('a deep home gets a short folder for its sockets, which nobody else may have made', () => {
  const paths = pathsOf(`/home/${'x'.repeat(120)}`)
  expect(Buffer.byteLength(paths.socket)).toBeLessThan(104)
  expect(pathsOf('/home/me').socket).toBe('/home/me/run/runner.sock')
  prepareRunFolder(`${folder}/run`)
  expect(statSync(`${folder}/run`).mode & 0o777).toBe(0o700)
  expect(() => prepareRunFolder(folder.slice(0, folder.lastIndexOf('/')))).toThrow(/can be read by others/)
})

test('a second runner in one home is refused, and a lock whose owner is gone is taken over', () => {
  const giveBack = takeLock(`${folder}/lock`)
  expect(() => takeLock(`${folder}/lock`)).toThrow(`as process ${process.pid}`)
  giveBack()
  writeFileSync(`${folder}/lock`, JSON.stringify({ pid: process.pid, start: 'of another boot' }))
  takeLock(`${folder}/lock`)()
  expect(() => readFileSync(`${folder}/lock`)).toThrow()
})

test('listening sockets are read from the kernel’s tables', () => {
  const head =
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
  const row = (address: string, state: string, inode: string) =>
    `   0: ${address} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0 100 0\n`
  const four =
    head + row('0100007F:1F90', '0A', '7') + row('00000000:1F91', '0A', '8') + row('0100007F:1F92', '01', '7')
  expect(parseTcpTable(four, 4, new Set(['7']))).toEqual([{ address: '127.0.0.1', port: 8080, family: 4 }])
  const six = head + row('00000000000000000000000001000000:1F90', '0A', '9')
  expect(parseTcpTable(six, 6, new Set(['9']))).toEqual([{ address: '::1', port: 8080, family: 6 }])
})

test('CPU time reads in every form that ps prints', () => {
  expect(['1:02.50', '01:02:03', '2-00:00:01'].map(clockToMilliseconds)).toEqual([
    62_500, 3_723_000, 172_801_000,
  ])
})
