import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openHome, takeLock } from './home.ts'
import { ownIdentity, startOf } from './identity.ts'
import { createLog } from './log.ts'
import { logToFile } from './log-file.ts'

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'tow-home-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

/** A process of its own that takes the lock and keeps it. */
async function holder(): Promise<{ pid: number; kill(): Promise<void> }> {
  const module = fileURLToPath(new URL('./home.ts', import.meta.url))
  const script = `const { takeLock } = await import(${JSON.stringify(module)})
    takeLock(${JSON.stringify(home)}); console.log('held'); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout!, 'data')
  return {
    pid: child.pid!,
    async kill() {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

test('a second platform on the same home gets one clear sentence that names the first', async () => {
  const first = await holder()
  try {
    expect(() => takeLock(home)).toThrow(`a platform already runs on ${home}, as process ${first.pid}`)
  } finally {
    await first.kill()
  }
})

test('the lock of a platform that was killed is taken over, and given back', async () => {
  const first = await holder()
  await first.kill()
  const giveBack = takeLock(home)
  expect(() => takeLock(home)).toThrow('already runs')
  giveBack()
  expect(readdirSync(home)).toEqual([])
})

test('a lock that names a pid which now belongs to another process is taken over', () => {
  writeFileSync(join(home, 'lock'), JSON.stringify({ pid: process.pid, start: 'long ago' }))
  takeLock(home)()
})

test('a lock that was cut short by a crash is taken over', () => {
  writeFileSync(join(home, 'lock'), '{"pid":')
  takeLock(home)()
})

test('of many that come at once exactly one gets a stale lock', async () => {
  writeFileSync(join(home, 'lock'), JSON.stringify({ pid: process.pid, start: 'long ago' }))
  const module = fileURLToPath(new URL('./home.ts', import.meta.url))
  const script = `const { takeLock } = await import(${JSON.stringify(module)})
    process.stdin.once('data', () => { try { takeLock(${JSON.stringify(home)}); console.log('got') } catch { console.log('lost') } })
    console.log('ready')`
  const children = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] }),
  )
  await Promise.all(children.map((child) => once(child.stdout!, 'data')))
  const answers = children.map(async (child) => String((await once(child.stdout!, 'data'))[0]).trim())
  for (const child of children) child.stdin!.write('now\n')
  expect((await Promise.all(answers)).filter((answer) => answer === 'got')).toHaveLength(1)
  for (const child of children) child.kill()
})

test('a home that can’t be made says which folder and how to choose another', () => {
  const file = join(home, 'file')
  writeFileSync(file, '')
  expect(() => openHome(join(file, 'inside'))).toThrow(
    expect.objectContaining({ hint: expect.stringContaining('TOW_HOME') }),
  )
})

test('nobody else can list the home', () => {
  openHome(home)
  expect(statSync(home).mode & 0o066).toBe(0)
})

test('a process is known by its pid and start, and a dead one by nothing', () => {
  expect(ownIdentity().start).toBe(startOf(process.pid))
  expect(startOf(2 ** 22 + 7)).toBe(null)
})

test('the log never grows without bound, and survives a disk that refuses', () => {
  const file = join(home, 'logs', 'platform.log')
  const fallen: string[] = []
  const log = createLog(logToFile(file, (line) => fallen.push(line)))
  const long = 'x'.repeat(1024 * 1024)
  for (let count = 0; count < 30; count += 1) log.info(long)
  const sizes = readdirSync(join(home, 'logs')).map((name) => statSync(join(home, 'logs', name)).size)
  expect(sizes.length).toBeLessThanOrEqual(3)
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(21 * 1024 * 1024)
  rmSync(join(home, 'logs'), { recursive: true })
  writeFileSync(join(home, 'logs'), '')
  expect(existsSync(file)).toBe(false)
  log.info('still here')
  expect(fallen.join()).toContain('still here')
})
