import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type LogLine, LogQuery } from '../../api/logs.ts'
import { createSampleContent, sampleArtifact, sampleSet, wholly } from '../conformance/sample.ts'
import type { Desired, Engine, Observation, Overlay, Target } from '../engine.ts'
import { createTestEngine, type TestEngine } from './testing.ts'

const web = { app: 'web', environment: 'stage' }
const missions = { app: 'missions', environment: 'stage' }
const mine = { ...missions, space: 'mine' }
let folder: string
let content: ReturnType<typeof createSampleContent>
let tested: TestEngine
let engine: Engine

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tow-spaces-'))
  content = createSampleContent(join(folder, 'blobs'))
  tested = createTestEngine(content)
  engine = tested.engine
})
afterEach(async () => {
  await tested.dispose()
  rmSync(folder, { recursive: true, force: true })
})

async function until(target: Target, reached: (seen: Observation) => boolean): Promise<Observation> {
  let last: Observation | undefined
  for await (const seen of engine.watch(target, AbortSignal.timeout(20_000))) {
    last = seen
    if (reached(seen)) return seen
  }
  throw new Error(`never seen: ${JSON.stringify(last)}`)
}

async function settle(target: Target, overlay?: Overlay): Promise<Observation> {
  const id = target.space ? `${target.space}.1` : 'v1'
  const desired: Desired = wholly(sampleSet(await sampleArtifact(content), 1, { id }))
  await engine.apply(target, 1, overlay ? { ...desired, overlay } : desired)
  return until(target, (seen) => seen.generation === 1 && seen.settled)
}

async function remove(target: Target): Promise<void> {
  await engine.remove(target, 2)
  await until(target, (seen) => seen.generation === 0 && seen.sets.length === 0)
}

/** Who answers at a name of the shared edge, as a browser reaches it; a number where nobody does. */
function atName(host: string, path = '/env'): Promise<{ app: string; space: string | null } | number> {
  const { edge } = JSON.parse(readFileSync(`${tested.home}/state/tables.json`, 'utf8')) as { edge: number }
  return new Promise((resolve, reject) => {
    const headers = { host, connection: 'close' }
    request({ host: '127.0.0.1', port: edge, path, headers }, (answer) => {
      let text = ''
      answer.on('data', (piece) => {
        text += String(piece)
      })
      answer.on('end', () => {
        const env = answer.statusCode === 200 ? JSON.parse(text) : null
        resolve(env ? { app: env.TOW_APP, space: env.TOW_SPACE ?? null } : answer.statusCode!)
      })
    })
      .on('error', reject)
      .end()
  })
}

async function spaceInside(target: Target, space: string | null): Promise<string | null> {
  const { internal } = await engine.addresses(target)
  const headers = { connection: 'close', ...(space ? { baggage: `tow.space=${space}` } : {}) }
  const env = (await (await fetch(`${internal}/env`, { headers })).json()) as { TOW_SPACE?: string }
  return env.TOW_SPACE ?? null
}

const idsOf = (seen: Observation) => seen.sets.flatMap((set) => set.processes.map((one) => one.id))

test('every app of the environment is entered by every space, and an app that a space alone has in that space', async () => {
  await settle(web)
  await settle(missions)
  await settle(mine, {})
  await settle({ ...web, app: 'fresh', space: 'mine' }, {})
  await settle({ ...web, space: 'other' }, {})
  expect(await atName('missions--mine.stage.localhost')).toEqual({ app: 'missions', space: 'mine' })
  expect(await atName('web--mine.stage.localhost')).toEqual({ app: 'web', space: null })
  expect(await atName('missions--other.stage.localhost')).toEqual({ app: 'missions', space: null })
  expect(await atName('web--other.stage.localhost')).toEqual({ app: 'web', space: 'other' })
  expect(await atName('fresh--mine.stage.localhost')).toEqual({ app: 'fresh', space: 'mine' })
  for (const nowhere of ['fresh', 'fresh--other', 'web--unknown']) {
    expect(await atName(`${nowhere}.stage.localhost`)).toBe(404)
  }
  expect(await spaceInside({ app: 'fresh', environment: 'stage' }, 'mine')).toBe('mine')
})

test('a new runner takes over the copies with their processes, their addresses, their rules and their doors', async () => {
  const door = { key: randomBytes(32).toString('base64url'), revoked: [] }
  await settle(missions)
  const before = await settle(mine, { door, swap: { until: Date.now() + 600_000 } })
  const { pid } = JSON.parse(readFileSync(`${tested.home}/run/runner.lock`, 'utf8')) as { pid: number }
  process.kill(pid, 'SIGKILL')
  const after = await until(mine, (seen) => seen.settled && seen.sets.length > 0)
  expect(idsOf(after)).toEqual(idsOf(before))
  expect(after.addresses).toEqual(before.addresses)
  expect(await spaceInside(missions, 'mine')).toBe('mine')
  expect(await spaceInside(missions, null)).toBe('mine')
  expect(await atName('missions--mine.stage.localhost')).toBe(403)
})

test('the key of a door is shown nowhere, and lies nowhere in the clear', async () => {
  const door = { key: randomBytes(32).toString('base64url'), revoked: ['taken-back'] }
  const seen = await settle(mine, { door })
  const told = [await engine.export(mine), JSON.stringify([seen, await engine.drift(mine)])]
  expect(told[0]).toContain('space by invitation')
  expect(told.join('')).not.toContain(door.key)
  const found = execFileSync('sh', ['-c', `grep -rlF -- '${door.key}' '${tested.home}' || true`])
  expect(String(found)).toBe('')
})

test('removing the copies of a space leaves no file and no port of it, nor of what was only asked about', async () => {
  await settle(missions)
  await settle(mine, {})
  const fresh = { app: 'fresh', environment: 'stage', space: 'mine' }
  await settle(fresh, {})
  await engine.addresses({ ...web, space: 'mine' })
  await remove(mine)
  await remove(fresh)
  const names = String(execFileSync('find', [tested.home, '-name', '*--mine*', '-o', '-name', '*.fresh*']))
  expect(names).toBe('')
  const ports = () =>
    Object.keys(JSON.parse(readFileSync(`${tested.home}/state/tables.json`, 'utf8')).ports).sort()
  // Where calls to `web` go is of the environment.
  await expect.poll(ports, { timeout: 10_000 }).toEqual(['stage.missions', 'stage.web'])
  expect(await spaceInside(missions, 'mine')).toBeNull()
})

test('the environment’s own can go while a space still has a copy, and come back under it', async () => {
  await settle(missions)
  await settle(mine, {})
  await remove(missions)
  expect(await atName('missions.stage.localhost')).toBe(404)
  expect(await spaceInside(missions, 'mine')).toBe('mine')
  await settle(missions)
  expect(await spaceInside(missions, null)).toBeNull()
  expect(await spaceInside(missions, 'mine')).toBe('mine')
})

test('what a copy writes and runs is of its space alone', async () => {
  await settle(missions)
  await settle(mine, {})
  const set = sampleSet(await sampleArtifact(content), 1, { id: 'mine.1' })
  await engine.run(mine, { key: 'one', set, command: 'echo in $TOW_SPACE', process: 'run' })
  const lines = async (target: Target): Promise<LogLine[]> => {
    const found: LogLine[] = []
    for await (const line of engine.logs(target, LogQuery.parse({}), AbortSignal.timeout(10_000)))
      found.push(line)
    return found
  }
  await expect.poll(async () => (await lines(mine)).map(({ text }) => text)).toContain('in mine')
  expect((await lines(mine)).every(({ space }) => space === 'mine')).toBe(true)
  expect((await lines(missions)).map(({ text, space }) => [text, space])).toEqual([['serving', undefined]])
  expect(await engine.job(missions, 'one')).toBeNull()
})

test('a copy without word of who may come in is refused, and so is such a word for the environment’s own', async () => {
  const desired = wholly(sampleSet(await sampleArtifact(content), 1))
  await expect(engine.apply(mine, 1, desired)).rejects.toMatchObject({ code: 'BAD_INPUT' })
  await expect(engine.apply(missions, 1, { ...desired, overlay: {} })).rejects.toMatchObject({
    code: 'BAD_INPUT',
  })
})
