/** What a person meets after the platform was killed without a word. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { App } from '../src/api/apps.ts'
import { newPerson, type Person } from './tow.ts'

let ann: Person
let url: string

beforeAll(async () => {
  ann = await newPerson()
  const folder = join(ann.folder, 'hello')
  await mkdir(folder)
  await writeFile(join(folder, 'package.json'), '{"name":"hello","scripts":{"start":"node server.js"}}')
  await writeFile(
    join(folder, 'server.js'),
    `require('node:http').createServer((_, answer) => answer.end(String(process.pid))).listen(process.env.PORT)`,
  )
  expect(await ann.tow(['ship'], { cwd: folder })).toMatchObject({ exit: 0 })
  const [app] = await ann.ask<App[]>(['apps'])
  url = app!.environments[0]!.urls.find((one) => new URL(one).hostname === '127.0.0.1')!
}, 120_000)
afterAll(() => ann?.leave(), 120_000)

async function killPlatform(): Promise<void> {
  const { pid } = JSON.parse(await readFile(join(ann.home, 'platform.json'), 'utf8'))
  process.kill(pid, 'SIGKILL')
}

const servedBy = async () => (await fetch(url)).text()

describe('a platform that was killed', { timeout: 120_000 }, () => {
  test('is missed at once, with the command that brings it back; apps go on serving', async () => {
    const before = await servedBy()
    await killPlatform()
    const { exit, stderr } = await ann.tow(['apps'])
    expect(exit).toBe(1)
    expect(stderr).toContain('tow up')
    expect(await servedBy()).toBe(before)
    expect(await ann.tow(['up'])).toMatchObject({ exit: 0 })
    expect(await servedBy()).toBe(before)
    expect((await ann.ask<App[]>(['apps']))[0]!.environments[0]!.state).toBe('healthy')
  })

  test('has its apps and databases stopped by tow down all the same', async () => {
    await killPlatform()
    expect(await ann.tow(['down'])).toMatchObject({ exit: 0 })
    await expect(servedBy()).rejects.toThrow()
    expect((await ann.tow(['down'])).stderr).toContain('No platform runs')
  })
})
