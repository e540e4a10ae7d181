/**
 * Every operation of the contract, and every other door, for every kind of caller and object, through real HTTP: nobody
 * gets in who may not, and whoever may does. Operations and doors are found, not listed: a new one fails here until it
 * says what a request of it looks like.
 */
import { subscribe } from 'node:diagnostics_channel'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { contract } from '../../src/api/contract.ts'
import type { Objects, Permission } from '../../src/api/operation.ts'
import { operationsOf } from '../../src/platform/kernel/http/table.ts'
import { openWholePlatform, type WholePlatform } from '../whole-platform.ts'
import { type Caller, makeCallers } from './callers.ts'
import { requestOf } from './request.ts'
import { DOORS, SAMPLES, type Thing } from './samples.ts'
import { makeThings } from './things.ts'

const OPERATIONS = operationsOf(contract)
const routes: string[] = []
subscribe('fastify.initialization', (message) => {
  const { fastify } = message as { fastify: FastifyInstance }
  fastify.addHook('onRoute', ({ method, url }) => void routes.push(`${method} ${url}`))
})

let platform: WholePlatform
let callers: Caller[]
let thingsOf: (objects: Objects | null) => Thing[]

beforeAll(async () => {
  platform = await openWholePlatform()
  thingsOf = await makeThings(platform)
  await platform.client.git.connect({ folderName: 'shop' })
  callers = await makeCallers(platform)
}, 120_000)
afterAll(() => platform?.close())

/** In words of its own, so that it can disagree with the rules. */
function mayDo(caller: Caller, permission: Permission, objects: Objects | null, thing: Thing): boolean {
  if (permission === 'anyone') return true
  if (!caller.isKnown) return false
  if (permission === 'self') return true
  if (permission === 'self:tokens') return caller.signedIn
  if (permission === 'read') return caller.reads
  if (permission === 'platform:administer') return caller.administers
  const somewhere = permission === 'environment:operate' ? caller.operates : caller.develops
  if (somewhere.length === 0) return false
  if (objects === null || objects === 'none' || thing.isAbsent) return true
  const isIn = (environment: string) => {
    if (caller.operates.includes(environment)) return true
    if (permission === 'environment:operate' || !caller.develops.includes(environment)) return false
    if ('space' in objects && caller.name !== 'the starter' && caller.name !== thing.person) return false
    if ('space' in objects && !objects.app) return true
    return thing.owner === null || caller.teams.includes(thing.owner)
  }
  return thing.environments.length === 0 ? ['stage', 'prod'].some(isIn) : thing.environments.every(isIn)
}

/** The status alone; streams are left at once. */
async function knock(caller: Caller, method: string, path: string, input: object, basic = false) {
  const gone = new AbortController()
  const credential = basic
    ? `Basic ${Buffer.from(`x:${caller.token}`).toString('base64')}`
    : `Bearer ${caller.token}`
  const isDoor =
    !path.startsWith('/api/') || /^\/api\/(?:blobs|backups)/.test(path) || path.endsWith('/terminal')
  const hasBody = method !== 'GET' && !isDoor
  const response = await fetch(platform.url + path, {
    method,
    signal: gone.signal,
    headers: {
      ...(caller.token !== null && { authorization: credential }),
      ...(hasBody && { 'content-type': 'application/json' }),
    },
    ...(hasBody && { body: JSON.stringify(input) }),
  })
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream')
  const text = isStream ? '' : await response.text()
  if (isStream) gone.abort()
  return { status: response.status, text }
}

/** What is wrong with an answer; null for nothing. */
function wrong(
  caller: Caller,
  may: boolean,
  thing: Thing,
  { status, text }: { status: number; text: string },
) {
  // Who is unknown too often is asked to wait.
  if (!may && !caller.isKnown) return [401, 429].includes(status) ? null : 'should be 401'
  if (!may) return status === 403 ? null : 'should be 403'
  if (status === 401 || status === 403 || status >= 500) return `should be let in: ${text.slice(0, 200)}`
  return thing.isAbsent && status !== 404 ? `should be 404: ${text.slice(0, 200)}` : null
}

// Hundreds of requests each: on a machine that does much else, that takes a while.
describe('the walk', { timeout: 180_000 }, () => {
  test('knows a request for every operation and every other door', () => {
    expect(Object.keys(SAMPLES).sort()).toEqual(OPERATIONS.map(({ name }) => name).sort())
    const ofTable = new Set(
      OPERATIONS.map(({ method, path }) => `${method} /api${path.replace(/\{(\w+)\}/g, ':$1')}`),
    )
    const pages = ['GET /openapi.json', 'GET /docs']
    const signIn = / \/sign-(?:in|in\/code|in\/invitation|out)$/
    const doors = routes.filter(
      (route) => !ofTable.has(route) && !pages.includes(route) && !signIn.test(route),
    )
    expect(doors.sort()).toEqual(Object.keys(DOORS).sort())
  })

  test('every scoped permission says what it touches', () => {
    const scoped = OPERATIONS.filter(({ meta }) => meta.objects !== null)
    expect(scoped.length).toBeGreaterThan(15)
  })

  test.each(OPERATIONS.map((entry) => [entry.name, entry] as const))('%s', async (_, entry) => {
    const { permission, objects } = entry.meta
    const found: string[] = []
    for (const thing of thingsOf(objects)) {
      await Promise.all(
        callers.map(async (caller) => {
          const { path, input } = requestOf(entry, thing)
          const answer = await knock(caller, entry.method, path, input)
          const problem = wrong(caller, mayDo(caller, permission, objects, thing), thing, answer)
          if (problem) found.push(`${caller.name}, ${thing.name}: ${answer.status}, ${problem}`)
        }),
      )
    }
    expect(found).toEqual([])
  })

  test.each(Object.entries(DOORS))('%s', async (route, door) => {
    const found: string[] = []
    for (const thing of thingsOf(door.objects)) {
      for (const basic of door.basic ? [true, false] : [false]) {
        for (const caller of callers) {
          const answer = await knock(caller, route.split(' ')[0]!, door.path(thing), {}, basic)
          const problem = wrong(
            caller,
            mayDo(caller, door.permission ?? 'app:change', door.objects, thing),
            thing,
            answer,
          )
          if (problem) found.push(`${caller.name}, ${thing.name}: ${answer.status}, ${problem}`)
        }
      }
    }
    expect(found).toEqual([])
  })

  test('left no trace of those who were refused', async () => {
    const events = await platform.database.db
      .selectFrom('events')
      .select(['by', 'app', 'environment'])
      .execute()
    const harmless = callers.filter(
      ({ develops, administers, signedIn }) => !develops.length && !administers && !signedIn,
    )
    expect(harmless.length).toBeGreaterThan(8)
    const names = new Set(harmless.map(({ name }) => name))
    expect(events.filter(({ by }) => names.has(by))).toEqual([])
    const ofRed = events.filter(({ by }) => by === 'red-stage')
    expect(ofRed.length).toBeGreaterThan(0)
    expect(ofRed.filter(({ app, environment }) => app === 'blue-app' || environment === 'prod')).toEqual([])
  })

  test('tells those who may read nothing neither what is there nor whose', async () => {
    const entry = OPERATIONS.find(({ name }) => name === 'processes.scale')!
    const caller = callers.find(({ name }) => name === 'norole')!
    const sentences = await Promise.all(
      thingsOf(entry.meta.objects).map(async (thing) => {
        const { path, input } = requestOf(entry, thing)
        const { text } = await knock(caller, entry.method, path, input)
        return (JSON.parse(text) as { message: string }).message
      }),
    )
    expect(new Set(sentences).size).toBe(1)
  })
})
