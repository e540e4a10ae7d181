/** A door leads somewhere that may go at any moment, also before anybody was joined to it: whoever came is told by the end. */
import { once } from 'node:events'
import { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { openTestDatabase, type TestDatabase } from '../../../../test/database.ts'
import { serveForTest, type TestServer, TOKEN } from '../../../../test/serve.ts'
import { mountStreams } from './streams.ts'

/** What becomes of the stream that a door has opened, by the name in its path. */
const FATES: Record<string, (stream: Duplex) => unknown> = {
  'is-destroyed': (stream) => stream.destroy(),
  'is-closed': async (stream) => {
    stream.destroy()
    await once(stream, 'close')
  },
  breaks: async (stream) => {
    stream.destroy(new Error('it broke'))
    await once(stream, 'error').catch(() => {})
  },
  ends: (stream) => stream.push(null),
  'is-destroyed-later': (stream) => setTimeout(() => stream.destroy(), 20),
  'breaks-later': (stream) => setTimeout(() => stream.destroy(new Error('it broke')), 20),
  'ends-later': (stream) => setTimeout(() => stream.push(null), 20),
  'takes-nothing-and-ends': (stream) => {
    stream.cork()
    setTimeout(() => stream.push(null), 20)
  },
}

let database: TestDatabase
let server: TestServer
const opened = new Map<string, Duplex>()

beforeAll(async () => {
  database = await openTestDatabase([])
  const mount = (http: Parameters<typeof mountStreams>[0]) =>
    mountStreams(http, [
      {
        url: '/doors/:fate',
        config: { permission: 'self' },
        async open({ params }) {
          const { fate } = params as { fate: string }
          const stream = new Duplex({
            allowHalfOpen: false,
            read() {},
            write: (_chunk, _encoding, done) => done(),
          })
          stream.on('error', () => {})
          opened.set(fate, stream)
          if (fate === 'is-slow') await delay(200)
          else await FATES[fate]!(stream)
          return stream
        },
      },
    ])
  server = await serveForTest({ database: database.database, routes: {}, mounts: [mount] })
})
afterAll(async () => {
  await server?.close()
  await database?.close()
})

const knock = (fate: string) =>
  new WebSocket(`${server.url.replace('http', 'ws')}/api/doors/${fate}`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  }).on('error', () => {})

test.each(Object.keys(FATES))(
  'what it leads to %s: the WebSocket is over, and so is the other end',
  async (fate) => {
    const socket = knock(fate)
    socket.on('open', () => socket.send('hello'))
    await once(socket, 'close')
    await expect.poll(() => opened.get(fate)!.destroyed).toBe(true)
  },
)

test('what was opened for somebody who has left meanwhile is ended', async () => {
  const socket = knock('is-slow')
  await expect.poll(() => opened.has('is-slow')).toBe(true)
  socket.terminate()
  await expect.poll(() => opened.get('is-slow')!.destroyed).toBe(true)
})
