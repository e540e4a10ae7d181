/** Whoever asks leaves before it is known who they are, or before a stream of theirs has begun: nothing goes on for them. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openTestDatabase, type TestDatabase } from '../../../../test/database.ts'
import { serveForTest, type TestServer, TOKEN } from '../../../../test/serve.ts'
import { kernelMigrations } from '../migrations.ts'
import { operations } from '../operations.ts'

let database: TestDatabase
let server: TestServer
/** Awaited before anybody is known, and before a stream is there. */
let known: () => Promise<void>
let ready: () => Promise<void>
let signal: AbortSignal | undefined

beforeAll(async () => {
  database = await openTestDatabase(kernelMigrations)
  server = await serveForTest({
    database: database.database,
    routes: {
      access: {
        whoami: operations.access.whoami.handler(async ({ context }) => {
          signal = context.signal
          throw new Error('nobody is there to read it')
        }),
      },
      events: {
        follow: operations.events.follow.handler(async ({ context }) => {
          await ready()
          return (async function* () {
            if (!context.signal.aborted) await once(context.signal, 'abort')
            yield* []
          })()
        }),
      },
    },
    hold: () => known(),
  })
})
afterAll(async () => {
  await server?.close()
  await database?.close()
})
beforeEach(() => {
  known = ready = async () => {}
  signal = undefined
})

/** Whoever comes to it waits until it is opened. */
function gate() {
  const reached = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<void>()
  const pass = () => {
    reached.resolve()
    return opened.promise
  }
  return { pass, reached: reached.promise, open: opened.resolve }
}

/** Answers how to leave, and resolves once the server has seen that. */
function ask(path: string): () => Promise<void> {
  const { port } = new URL(server.url)
  const socket = connect(Number(port), '127.0.0.1')
  socket.write(`GET /api${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`)
  return async () => {
    socket.destroy()
    // What the server is told in another turn of its loop comes after what it was told before.
    for (let turn = 0; turn < 3; turn++) await fetch(`${server.url}/health`)
  }
}

test('an operation is told that its caller left before they were known', async () => {
  const guard = gate()
  known = guard.pass
  const leave = ask('/whoami')
  await guard.reached
  await leave()
  guard.open()
  await expect.poll(() => signal?.aborted).toBe(true)
})

test('a stream whose reader left before it began is not kept open', async () => {
  const stream = gate()
  ready = stream.pass
  const leave = ask('/events/updates')
  await stream.reached
  await leave()
  stream.open()
  ready = async () => {}
  const stay = ask('/events/updates')
  await expect.poll(asked).toBe(1)
  await stay()
})

/** How many streams are asked for again when something about people has changed. */
async function asked(): Promise<number> {
  let times = 0
  known = async () => {
    times += 1
  }
  await database.database.change({ kind: 'platform', name: 'test' } as never, async (change) =>
    change.wake('access'),
  )
  await new Promise((resolve) => setTimeout(resolve, 200))
  return times
}
