import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { openTestDatabase, type TestDatabase } from '../../../../test/database.ts'
import { serveForTest, type TestServer, TOKEN } from '../../../../test/serve.ts'
import type { Permission } from '../../../api/operation.ts'
import { readBackup } from '../../../backups/file.ts'
import type { BackupPart } from '../../kernel/backup.ts'
import { createBackups } from './index.ts'

const PASSPHRASE = 'a long walk'

let database: TestDatabase
let server: TestServer
/** What was done with the parts, in its order. */
let done: string[] = []
const errors: unknown[] = []

beforeAll(async () => {
  database = await openTestDatabase()
})
afterEach(async () => {
  done = []
  await server?.close()
})
afterAll(() => database?.close())

function part(name: string, content: () => AsyncIterable<Uint8Array>): BackupPart {
  return {
    name,
    async open() {
      done.push(`open ${name}`)
      return {
        async *files() {
          yield { name: 'file', content: content() }
        },
        about: () => ({}),
        close: async () => void done.push(`close ${name}`),
      }
    },
    restore() {
      throw new Error('nothing is restored here')
    },
  }
}

async function* bytes(...texts: string[]) {
  for (const text of texts) yield Buffer.from(text)
}

async function serve(parts: BackupPart[], permissions?: readonly Permission[]) {
  const feature = createBackups({
    database: database.database,
    clock: { now: () => new Date() },
    version: '1.2.3',
    parts: () => parts,
    onError: (error) => errors.push(error),
  })
  server = await serveForTest({
    database: database.database,
    routes: {},
    mounts: [feature.mount],
    ...(permissions ? { permissions } : {}),
  })
}

const ask = (body: unknown) =>
  fetch(`${server.url}/api/backups`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

const events = async () =>
  (await database.db.selectFrom('events').select('message').orderBy('position').execute()).map(
    ({ message }) => message,
  )

test('parts are opened in their order, read in the reverse, and closed as soon as they were read', async () => {
  await serve([part('one', () => bytes('1')), part('two', () => bytes('2'))])
  const answer = await ask({ passphrase: PASSPHRASE })
  const manifest = await readBackup(answer.body!, { name: 'x', version: '1.2.3', passphrase: PASSPHRASE })
  expect(manifest.parts.map(({ name }) => name)).toEqual(['two', 'one'])
  expect(done).toEqual(['open one', 'open two', 'close two', 'close one'])
  expect(await events()).toEqual(['ada took a backup of everything'])
})

test('only an administrator gets one', async () => {
  await serve([part('one', () => bytes('1'))], ['read', 'app:change', 'app:secret', 'environment:operate'])
  const answer = await ask({ passphrase: PASSPHRASE })
  expect(answer.status).toBe(403)
  expect(await answer.text()).toContain('platform:administer')
  expect(done).toEqual([])
})

test.each([{}, { passphrase: 'short' }, { passphrase: 17 }, null])('%j is no passphrase', async (body) => {
  await serve([part('one', () => bytes('1'))])
  const answer = await ask(body)
  expect(answer.status).toBe(400)
  expect(done).toEqual([])
})

test('a part that can’t be opened is told at once, and those before it are closed', async () => {
  const closed = part('two', () => bytes())
  closed.open = async () => {
    throw new Error('it is not there')
  }
  await serve([part('one', () => bytes('1')), closed])
  expect((await ask({ passphrase: PASSPHRASE })).status).toBe(500)
  expect(done).toEqual(['open one', 'close one'])
})

test('a part that fails on the way breaks the stream off, closes all, and the timeline says so', async () => {
  await serve([
    part('one', () => bytes('1')),
    part('two', async function* () {
      yield Buffer.alloc(2_000_000, 'x')
      throw new Error('the disk went away')
    }),
  ])
  const answer = await ask({ passphrase: PASSPHRASE })
  await expect(answer.arrayBuffer()).rejects.toThrow()
  while (!(await events()).at(-1)?.includes('broke off')) await new Promise((wake) => setTimeout(wake, 10))
  expect((await events()).at(-1)).toBe('The backup of ada broke off: see the platform’s log')
  expect(errors).toHaveLength(1)
  expect(done.sort()).toEqual(['close one', 'close two', 'open one', 'open two'])
})
