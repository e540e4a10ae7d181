/**
 * A disk that becomes read-only under a running platform, as one does on which the system met an error: a file system
 * of its own, told to give up. It is written again only once it was taken off and put back, as on a real machine.
 */
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readlink, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { App } from '../../src/api/apps.ts'
import { newPerson, type Person } from '../tow.ts'

const MEGABYTES = 600

let ann: Person
let app: string
let folder: string
/** Where the disk is; null where none can be made. */
let disk: string | null = null
let why = 'only root on Linux can make a disk of its own'
let url: string

const tow = (...args: string[]) => ann.tow(args, { cwd: app, env: { TOW_HOME: join(disk!, 'home') } })

async function served(): Promise<string> {
  return (await fetch(url)).text()
}

async function write(text: string): Promise<void> {
  await writeFile(
    join(app, 'server.js'),
    `require('node:http').createServer((_, answer) => { console.log('asked'); answer.end('${text}') }).listen(process.env.PORT)\nprocess.on('SIGTERM', () => process.exit(0))\n`,
  )
}

/** Answers with what it said; empty where it was done. */
function run(program: string, ...args: string[]): string {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' })
  return status === 0 ? '' : (error?.message ?? stderr.trim()) || `it ended with ${status}`
}

async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 200))
}

async function makeDisk(): Promise<string | null> {
  const image = join(folder, 'image')
  await writeFile(image, '')
  await truncate(image, MEGABYTES * 1024 ** 2)
  const made = await mkdtemp(join(tmpdir(), 'tow-d-'))
  const refused = run('mkfs.ext4', '-q', '-F', image) || run('mount', '-o', 'loop', image, made)
  if (!refused) return made
  why = `no disk can be made here: ${refused}`
  return null
}

beforeAll(async () => {
  ann = await newPerson()
  folder = await mkdtemp(join(tmpdir(), 'tow-r-'))
  app = join(ann.folder, 'hello')
  if (process.getuid?.() !== 0 || process.platform !== 'linux') return
  disk = await makeDisk()
  if (!disk) return
  await mkdir(app)
  await writeFile(join(app, 'package.json'), '{"name":"hello","scripts":{"start":"node server.js"}}')
  await write('one')
  expect(await tow('ship')).toMatchObject({ exit: 0 })
  const { stdout } = await tow('apps', '--json')
  const [found] = JSON.parse(stdout) as App[]
  url = found!.environments[0]!.urls.find((one) => new URL(one).hostname === '127.0.0.1')!
}, 240_000)
afterAll(async () => {
  if (disk) {
    await takeOff()
    await rm(disk, { recursive: true })
  }
  await rm(folder, { recursive: true, force: true })
  await ann?.leave()
}, 240_000)

/** As a machine does that is started anew: every process that works on the disk is gone, and what they started. */
async function takeOff(): Promise<void> {
  for (;;) {
    await endAll()
    // The system lets go of it a moment later; put back before that, it would be the same broken one.
    if (run('umount', disk!) === '') return until(isLetGo)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

async function endAll(): Promise<void> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const folders = [`/proc/${pid}/cwd`, ...(await openFiles(pid))]
    const places = await Promise.all(folders.map((link) => readlink(link).catch(() => '')))
    if (places.some((place) => place.startsWith(`${disk}/`))) process.kill(Number(pid), 'SIGKILL')
  }
}

function isLetGo(): boolean {
  return spawnSync('losetup', ['-j', join(folder, 'image')], { encoding: 'utf8' }).stdout.trim() === ''
}

async function openFiles(pid: string): Promise<string[]> {
  const names = await readdir(`/proc/${pid}/fd`).catch(() => [])
  return names.map((name) => `/proc/${pid}/fd/${name}`)
}

describe('a disk that becomes read-only under a running platform', { timeout: 240_000 }, () => {
  test('is told in one sentence with the mend, and what serves goes on', async ({ skip }) => {
    if (!disk) return skip(why)
    expect(await tow('config', 'set', 'BEFORE=kept')).toMatchObject({ exit: 0 })
    run('mount', '-o', 'remount,abort', disk)
    await write('two')
    for (const args of [['ship'], ['config', 'set', 'LATER=lost'], ['ship'], ['down']]) {
      const { exit, stderr } = await tow(...args)
      expect(exit).toBe(1)
      expect(stderr).toMatch(/read-only|database is not there at the moment/i)
      expect(stderr).not.toMatch(/\bat .*:\d+:\d+|INTERNAL|an error of its own/)
      expect(await served()).toBe('one')
    }
  })

  test('lets everything go on once it can be written, with nothing lost that was acknowledged', async ({
    skip,
  }) => {
    if (!disk) return skip(why)
    await takeOff()
    run('e2fsck', '-p', join(folder, 'image'))
    expect(run('mount', '-o', 'loop', join(folder, 'image'), disk)).toBe('')
    expect(await tow('up')).toMatchObject({ exit: 0 })
    await until(async () => (await served().catch(() => '')) === 'one')
    const config = (await tow('config', '--json')).stdout
    expect(config).toContain('"kept"')
    expect(config).not.toContain('"lost"')
    expect(await tow('ship')).toMatchObject({ exit: 0 })
    expect(await served()).toBe('two')
  })
})
