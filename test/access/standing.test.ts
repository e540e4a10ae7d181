/** What is open already ends when its opener may not have it any more. */
import { once } from 'node:events'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { Grant } from '../../src/api/roles.ts'
import { createClient } from '../../src/client/client.ts'
import { openWholePlatform, type WholePlatform } from '../whole-platform.ts'

const DEVELOPER: Grant[] = [{ role: 'developer', environment: null }]
const APP = { app: 'shop', environment: 'stage' }
let platform: WholePlatform

beforeAll(async () => {
  platform = await openWholePlatform()
  await platform.ship({
    'tow.yaml': 'version: 1\napps:\n  shop: { owner: red, processes: { web: { command: serve } } }\n',
  })
  platform.engine.world.behave(APP, { job: { ms: 1e12, state: 'succeeded' } })
}, 60_000)
afterAll(() => platform?.close())

async function someone(name: string, roles: Grant[] = DEVELOPER) {
  await platform.client.people.add({ name, kind: 'machine', roles, teams: ['red'] })
  const { token } = await platform.client.tokens.addFor({ person: name, name: 'test' })
  return createClient({ url: platform.url, token })
}

/** How the stream ends for whoever reads it. */
async function endOfStream(name: string): Promise<{ ended: Promise<unknown> }> {
  const client = await someone(name)
  const stream = await client.events.follow({ after: 0 })
  await stream.next()
  const read = async () => {
    for await (const _ of stream);
    return 'it just ended'
  }
  return { ended: read().catch((error) => error) }
}

async function terminal(name: string): Promise<WebSocket> {
  const client = await someone(name)
  const { id } = await platform.client.processes.run({ ...APP, command: 'sh' })
  const { url, headers } = client.door.webSocket(`/runs/${id}/terminal`)
  const socket = new WebSocket(url, { headers })
  await once(socket, 'open')
  socket.send(Buffer.from('hello'))
  await once(socket, 'message')
  return socket
}

test.each([
  ['the token is removed', (name: string) => platform.client.tokens.removeOf({ person: name, name: 'test' })],
  ['everything is revoked', (name: string) => platform.client.people.revoke({ person: name })],
  ['the person is removed', (name: string) => platform.client.people.remove({ person: name })],
])('a stream ends when %s', async (why, end) => {
  const name = why.replaceAll(' ', '-')
  const { ended } = await endOfStream(name)
  await end(name)
  expect(await ended).toMatchObject({ code: 'UNAUTHENTICATED' })
})

test('a stream ends when the token expires', async () => {
  const { ended } = await endOfStream('expiring')
  await sql`update tokens set expires_at = to_timestamp(0) where principal = 'expiring'`.execute(
    platform.database.db,
  )
  // As once a minute.
  await sql`select pg_notify('tow', 'access')`.execute(platform.database.db)
  expect(await ended).toMatchObject({ code: 'UNAUTHENTICATED' })
})

test.each([
  ['the token', (name: string) => platform.client.people.revoke({ person: name })],
  ['the role', (name: string) => platform.client.people.change({ person: name, take: DEVELOPER })],
  ['the team', (name: string) => platform.client.teams.leave({ team: 'red', person: name })],
])('a terminal is cut for whoever loses %s that it was opened with', async (what, lose) => {
  const name = `types-with-${what.slice(4)}`
  const [socket, other] = [await terminal(name), await terminal(`${name}-too`)]
  const closed = once(socket, 'close')
  await lose(name)
  await closed
  // Nobody else is disturbed.
  other.send(Buffer.from('still here'))
  await once(other, 'message')
  other.close()
})

test('a terminal is cut when the app goes to a team that its opener is not in', async () => {
  await platform.client.teams.add({ name: 'blue' })
  const socket = await terminal('left-behind')
  const closed = once(socket, 'close')
  await platform.client.apps.own({ app: 'shop', owner: 'blue' })
  await closed
})
