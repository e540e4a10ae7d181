import { oc } from '@orpc/contract'
import { implement } from '@orpc/server'
import type { FastifyInstance } from 'fastify'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { createLog } from '../log.ts'
import { textsAt } from './authorize.ts'
import { createServer } from './server.ts'

const Input = z.object({
  app: z.string(),
  optional: z.string().optional(),
  anything: z.unknown(),
  apps: z.array(z.object({ app: z.string() })),
})

function start(meta: object, mounts: ((server: FastifyInstance) => void)[] = []) {
  const contract = {
    change: oc
      .$meta({ changes: true, replays: true, bodyMegabytes: 1, ...meta })
      .route({ method: 'POST', path: '/change', summary: 'Change it' })
      .input(Input),
  }
  return createServer({
    router: { change: implement(contract).change.handler(() => {}) },
    authenticator: { authenticate: async () => null, permits: () => false },
    authorize: async () => {},
    onAccessChanged: () => () => {},
    now: () => new Date(),
    replays: { once: async () => null, collect: async () => 0 },
    log: createLog(() => {}),
    mounts,
    pages: [],
  })
}

describe('the server does not start', () => {
  test.each([
    ['says nothing', null, 'change does not say where its input names what it touches'],
    ['names a field that is not there', { app: 'app', environment: 'environment' }, 'at environment'],
    ['names a field that may be missing', { environment: 'optional' }, 'at optional'],
    ['names a field that may be anything', { environment: 'anything' }, 'at anything'],
    ['goes through what is no list', { app: 'app.*.app', environment: 'app' }, 'at app.*.app'],
    ['names a list', { everywhere: 'apps' }, 'at apps'],
    ['names a field of the prototype', { everywhere: 'constructor' }, 'at constructor'],
  ])('with an operation that %s', (_, objects, sentence) => {
    expect(() => start({ permission: 'app:change', objects })).toThrow(sentence)
  })

  test('with an operation that names objects of a permission that is held for none', () => {
    expect(() => start({ permission: 'read', objects: { everywhere: 'app' } })).toThrow(
      'read is not held for any',
    )
  })

  test('with a door that says nothing', async () => {
    const door = (server: FastifyInstance) =>
      void server.get('/door', { config: { permission: 'app:change' } }, async () => '')
    const server = start({ permission: 'read', objects: null }, [door])
    await expect(server.listen(0)).rejects.toThrow('does not say where its input names what it touches')
    await server.close()
  })

  test('and does where all is said', async () => {
    const server = start({ permission: 'app:change', objects: { app: 'apps.*.app', environment: 'app' } })
    expect(await server.listen(0)).toMatch(/^http/)
    await server.close()
  })
})

test('places are fields of the input itself, and texts', () => {
  expect(textsAt({ app: 'shop' }, 'app')).toEqual(['shop'])
  expect(textsAt({ apps: [{ app: 'a' }, { app: 'b' }] }, 'apps.*.app')).toEqual(['a', 'b'])
  for (const input of [{}, { app: 5 }, Object.create({ app: 'inherited' }), null, 'app']) {
    expect(() => textsAt(input, 'app')).toThrow('there is no text at app')
  }
})
