/** The five-minute tour of the README, step by step, as a newcomer takes it. */
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkExample } from '../examples/check.ts'
import type { App } from '../src/api/apps.ts'
import { newPerson, type Person } from './tow.ts'

const EXAMPLES = new URL('../examples', import.meta.url).pathname

let ann: Person
let project: string

beforeAll(async () => {
  ann = await newPerson()
  project = join(ann.folder, 'inspections')
  await cp(EXAMPLES, project, { recursive: true, filter: (path) => !path.includes('node_modules') })
})
afterAll(() => ann?.leave(), 120_000)

async function place(app: string, environment: string) {
  const apps = await ann.ask<App[]>(['apps'])
  const found = apps
    .find(({ name }) => name === app)
    ?.environments.find((one) => one.environment === environment)
  if (!found) throw new Error(`${app} is not in ${environment}`)
  return found
}

async function urls(environment: string): Promise<Record<string, string[]>> {
  const names = ['missions', 'reports', 'web']
  return Object.fromEntries(
    await Promise.all(names.map(async (app) => [app, (await place(app, environment)).urls])),
  )
}

async function get(app: string, environment: string, path = '/'): Promise<{ status: number; text: string }> {
  const url = (await place(app, environment)).urls.find((one) => new URL(one).hostname === '127.0.0.1')!
  const answer = await fetch(new URL(path, url))
  return { status: answer.status, text: await answer.text() }
}

async function edit(file: string, from: string, to: string): Promise<void> {
  const path = join(project, file)
  const text = await readFile(path, 'utf8')
  expect(text).toContain(from)
  await writeFile(path, text.replace(from, to))
}

const ship = () => ann.tow(['ship', '-a', 'web'], { cwd: project })

describe('the tour', { timeout: 120_000 }, () => {
  test('one command makes three services live in stage', async () => {
    const { exit, stdout, stderr } = await ann.tow(['ship'], { cwd: project })
    expect({ exit, stderr }).toMatchObject({ exit: 0 })
    expect(stdout).toMatch(/^web +http:\/\//m)
    await checkExample(await urls('stage'))
  })

  test('one more moves the same artifacts to prod', async () => {
    const { exit, stderr } = await ann.tow(['promote', 'missions', 'reports', 'web'])
    expect({ exit, stderr }).toMatchObject({ exit: 0 })
    await checkExample(await urls('prod'))
    expect((await place('web', 'prod')).artifact).toBe((await place('web', 'stage')).artifact)
  })

  test('a changed line is live after one ship', async () => {
    await edit('web/page.js', '<h1>Field inspections</h1>', '<h1>Inspections</h1>')
    expect(await ship()).toMatchObject({ exit: 0 })
    expect((await get('web', 'stage')).text).toContain('<h1>Inspections</h1>')
    expect((await get('web', 'prod')).text).toContain('<h1>Field inspections</h1>')
  })

  test('a broken health check fails the ship, and the old release keeps serving', async () => {
    await edit('web/server.js', "response.end('ok')", "response.writeHead(500).end('broken')")
    const { exit, stderr } = await ship()
    expect(exit).toBe(1)
    expect(stderr).toContain('/healthz')
    expect(await get('web', 'stage', '/healthz')).toEqual({ status: 200, text: 'ok' })
    expect((await place('web', 'stage')).release).toBe(2)
  })

  test('tow why tells what happened, with the command that goes on', async () => {
    const { exit, stdout } = await ann.tow(['why', 'web', '-e', 'stage'])
    expect(exit).toBe(0)
    expect(stdout).toContain('v3')
    expect(stdout).toContain('/healthz')
  })

  test('mended, it ships', async () => {
    await edit('web/server.js', "response.writeHead(500).end('broken')", "response.end('ok')")
    await edit('web/page.js', '<h1>Inspections</h1>', '<h1>Inspections, mended</h1>')
    expect(await ship()).toMatchObject({ exit: 0 })
    expect((await get('web', 'stage')).text).toContain('Inspections, mended')
  })

  test('a rollback makes a new release with the code of the last one that was live', async () => {
    const { exit, stderr } = await ann.tow(['rollback', '-a', 'web', '-e', 'stage'])
    expect({ exit, stderr }).toMatchObject({ exit: 0 })
    expect(stderr).toContain('Undo: tow rollback')
    expect((await get('web', 'stage')).text).toContain('<h1>Inspections</h1>')
    expect((await place('web', 'stage')).release).toBe(5)
  })

  test('promotion takes what stage serves now', async () => {
    expect(await ann.tow(['promote', 'web'])).toMatchObject({ exit: 0 })
    expect((await get('web', 'prod')).text).toContain('<h1>Inspections</h1>')
  })
})
