/** A disk that fills up, and one that takes nothing more, under a whole platform. */
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, writeSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { App } from '../../src/api/apps.ts'
import { newPerson, type Person } from '../tow.ts'

/** Enough for two servers of PostgreSQL and little else. */
const MEGABYTES = 160

let ann: Person
let app: string
/** A small disk of its own, with the home on it; null where none can be made. */
let disk: string | null = null
let home: string

const tow = (...args: string[]) => ann.tow(args, { cwd: app, env: { TOW_HOME: home } })

async function place() {
  const { stdout } = await tow('apps', '--json')
  const [found] = JSON.parse(stdout) as App[]
  return found!.environments[0]!
}

async function served(): Promise<string> {
  return (await fetch(url)).text()
}
let url: string

async function write(text: string): Promise<void> {
  await writeFile(
    join(app, 'server.js'),
    `require('node:http').createServer((_, answer) => answer.end('${text}')).listen(process.env.PORT)\nprocess.on('SIGTERM', () => process.exit(0))\n`,
  )
}

/** Until the last byte. */
function fill(): void {
  const descriptor = openSync(join(disk!, 'ballast'), 'a')
  try {
    for (const size of [1024 * 1024, 4096, 1]) {
      try {
        for (;;) writeSync(descriptor, Buffer.alloc(size, 'x'))
      } catch {}
    }
  } finally {
    closeSync(descriptor)
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 200))
}

beforeAll(async () => {
  ann = await newPerson()
  app = join(ann.folder, 'hello')
  if (process.getuid?.() !== 0 || process.platform !== 'linux') return
  const made = await mkdtemp(join(tmpdir(), 'tow-d-'))
  if (mount('mount', ['-t', 'tmpfs', '-o', `size=${MEGABYTES}m,mode=755`, 'tmpfs', made])) {
    return rm(made, { recursive: true })
  }
  disk = made
  home = join(disk, 'home')
  await mkdir(app)
  await writeFile(join(app, 'package.json'), '{"name":"hello","scripts":{"start":"node server.js"}}')
  await write('one')
  expect(await tow('ship')).toMatchObject({ exit: 0 })
  url = (await place()).urls.find((one) => new URL(one).hostname === '127.0.0.1')!
}, 240_000)
afterAll(async () => {
  if (disk) {
    mount('mount', ['-o', 'remount,rw', disk])
    await rm(join(disk, 'ballast'), { force: true })
    await tow('down')
    // What was ended a moment ago may still hold a file.
    await until(async () => mount('umount', [disk!]) === '')
    await rm(disk, { recursive: true })
  }
  await ann?.leave()
}, 240_000)

const WHY = 'only root on Linux can make a small disk'

describe('a disk that is full', { timeout: 240_000 }, () => {
  test('is told in one sentence with the mend, and what serves goes on', async ({ skip }) => {
    if (!disk) return skip(WHY)
    expect(await tow('config', 'set', 'BEFORE=kept')).toMatchObject({ exit: 0 })
    fill()
    await write('two')
    const { exit, stderr } = await tow('ship')
    expect(exit).toBe(1)
    expect(stderr).toMatch(/no space|is full|database is not there at the moment/i)
    expect(stderr).toMatch(/free some space|tow status/i)
    expect(stderr).not.toMatch(/\bat .*:\d+:\d+|ENOSPC|INTERNAL/)
    expect(await served()).toBe('one')
  })

  test('lets everything go on once there is space, with nothing lost that was acknowledged', async ({
    skip,
  }) => {
    if (!disk) return skip(WHY)
    await rm(join(disk, 'ballast'))
    await until(async () => (await tow('status')).exit === 0)
    expect((await tow('config', '--json')).stdout).toContain('"kept"')
    const { exit, stderr } = await tow('ship')
    expect({ exit, stderr }).toMatchObject({ exit: 0 })
    expect(await served()).toBe('two')
  })

  test('keeps no platform from being told why it does not start', async ({ skip }) => {
    if (!disk) return skip(WHY)
    expect(await tow('down')).toMatchObject({ exit: 0 })
    fill()
    const { exit, stderr } = await tow('up')
    expect(exit).toBe(1)
    expect(stderr).toMatch(/no space|is full/i)
    expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(2)
    await rm(join(disk, 'ballast'))
    expect(await tow('up')).toMatchObject({ exit: 0 })
    await until(async () => (await served().catch(() => '')) === 'two')
  })
})

describe('a disk that takes nothing more', { timeout: 240_000 }, () => {
  test('keeps a platform from starting, with the reason', async ({ skip }) => {
    if (!disk) return skip(WHY)
    expect(await tow('down')).toMatchObject({ exit: 0 })
    await until(async () => mount('mount', ['-o', 'remount,ro', disk!]) === '')
    const { exit, stderr } = await tow('up')
    expect(exit).toBe(1)
    expect(stderr).toContain(`the platform can’t keep its data in ${home} (EROFS)`)
    expect(stderr).toContain('TOW_HOME')
    expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(2)
    expect(mount('mount', ['-o', 'remount,rw', disk])).toBe('')
    expect(existsSync(join(home, 'lock'))).toBe(false)
    expect(await tow('up')).toMatchObject({ exit: 0 })
  })
})

/** Answers with what it said; empty where it was done. */
function mount(program: 'mount' | 'umount', args: string[]): string {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  return status === 0 ? '' : stderr.trim()
}
