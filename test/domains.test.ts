/** Names of one's own as a person sets them: the real command, a real platform, a real request by that name. */
import { mkdir, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Domain } from '../src/api/domains.ts'
import { newPerson, type Person } from './tow.ts'

const HOST = 'my-shop.localhost'
let ann: Person
let folder: string

beforeAll(async () => {
  ann = await newPerson()
  folder = join(ann.folder, 'shop')
  await mkdir(folder)
  await writeFile(join(folder, 'index.html'), 'a shop')
  expect(await ann.tow(['ship'], { cwd: folder })).toMatchObject({ exit: 0 })
}, 180_000)
afterAll(() => ann?.leave(), 120_000)

const tow = (...words: string[]) => ann.tow(words, { cwd: folder })
const list = () => ann.ask<Domain[]>(['domains'])

/** As a browser here does, which knows that such names are this machine. */
function ask(url: string): Promise<{ status: number; body: string }> {
  const { port, host } = new URL(url)
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, headers: { host }, agent: false }, async (response) => {
      const body = Buffer.concat(await response.toArray()).toString()
      resolve({ status: response.statusCode ?? 0, body })
    })
    asked.on('error', reject)
    asked.end()
  })
}

test('a name is refused in a sentence where it can’t be served', async () => {
  expect(await tow('domains')).toMatchObject({ exit: 0, stderr: expect.stringContaining('tow domains add') })
  const [url, given, certificate, unknown] = await Promise.all([
    tow('domains', 'add', 'https://shop.example.com'),
    tow('domains', 'add', 'other.stage.localhost'),
    tow('domains', 'add', 'shop.example.com', '--certificate', 'shop-tls'),
    tow('domains', 'remove', 'shop.example.com'),
  ])
  expect(url).toMatchObject({ exit: 1, stderr: expect.stringContaining('more than a name') })
  expect(given).toMatchObject({ exit: 1, stderr: expect.stringContaining('are given to apps') })
  expect(certificate).toMatchObject({ exit: 1, stderr: expect.stringContaining('served in plain HTTP') })
  expect(unknown).toMatchObject({ exit: 1, stderr: expect.stringContaining('does not answer to') })
  expect(await list()).toEqual([])
})

test('it leads to the app, over a restart of it too, until it is removed; the way back is printed', async () => {
  const added = await tow('domains', 'add', HOST)
  expect(added).toMatchObject({
    exit: 0,
    stderr: expect.stringContaining(`Undo: tow domains remove ${HOST}`),
  })
  const [domain] = await list()
  expect(domain).toMatchObject({
    host: HOST,
    app: 'shop',
    environment: 'stage',
    state: 'ready',
    findings: [],
  })
  expect(added.stderr).toContain(`shop in stage answers at ${domain!.url}`)
  expect(await ask(domain!.url!)).toMatchObject({ status: 200, body: 'a shop' })
  expect(await tow('restart')).toMatchObject({ exit: 0 })
  expect(await ask(domain!.url!)).toMatchObject({ status: 200 })
  expect((await tow('domains')).stdout).toMatch(/^my-shop\.localhost +shop +stage +- +- +agrees +ready/m)

  const removed = await tow('domains', 'remove', HOST)
  expect(removed.stderr).toContain(`Undo: tow domains add ${HOST} -a shop -e stage`)
  for (const end = Date.now() + 30_000; (await ask(domain!.url!)).status !== 404; )
    expect(Date.now()).toBeLessThan(end)
})

test('what is to be done for it stands in tow domains, tow why and tow doctor', async () => {
  const host = 'shop.does-not-exist.invalid'
  const added = await tow('domains', 'add', host)
  const message = 'its name leads nowhere, and the environment is entered at 127.0.0.1'
  expect(added).toMatchObject({ exit: 0, stderr: expect.stringContaining(`${host}: ${message}`) })
  expect((await tow('domains')).stderr).toContain(message)
  expect((await tow('why', 'shop', '-e', 'stage')).stdout).toContain(`${host} asks for somebody: ${message}`)
  expect((await tow('doctor')).stdout).toMatch(/✗ domain shop\.does-not-exist\.invalid/)
})
