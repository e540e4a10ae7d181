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

/** Answers how to leave, which is over once the server knows of it. */
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

/** Asks, and leaves while the server waits for what `set` is given. */
async function leaveDuring(path: string, set: (wait: () => Promise<void>) => void): Promise<void> {
  const reached = Promise.withResolvers<void>()
  const left = Promise.withResolvers<void>()
  set(() => {
    reached.resolve()
    return left.promise
  })
  const leave = ask(path)
  await reached.promise
  await leave()
  left.resolve()
  set(async () => {})
}

test('an operation is told that its caller left before they were known', async () => {
  await leaveDuring('/whoami', (wait) => {
    known = wait
  })
  await expect.poll(() => signal?.aborted).toBe(true)
})

test('a stream whose reader left before it began is not kept open', async () => {
  await leaveDuring('/events/updates', (wait) => {
    ready = wait
  })
  const leave = ask('/events/updates')
  await expect.poll(asked).toBe(1)
  await leave()
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
