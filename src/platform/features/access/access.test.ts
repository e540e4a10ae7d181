import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openTestDatabase, type TestDatabase } from '../../../../test/database.ts'
import { contract } from '../../../api/contract.ts'
import type { Grant } from '../../../api/roles.ts'
import { operationsOf } from '../../kernel/http/table.ts'
import { accessMigrations, createAccess, type NewToken } from './index.ts'
import { insertPrincipal, insertRoles } from './store.ts'

const ACTOR = { name: 'ada' }
let home: string
let test_: TestDatabase
let now = new Date()
beforeAll(async () => {
  test_ = await openTestDatabase(accessMigrations)
})
afterAll(() => test_?.close())
beforeEach(() => {
  now = new Date()
  home = mkdtempSync(join(tmpdir(), 'tow-access-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const open = () =>
  createAccess({
    ...{ home, person: 'ada', database: test_.database, clock: { now: () => now } },
    requireEnvironment: async () => undefined,
    appsOf: async () => [],
  })
type Access = Awaited<ReturnType<typeof open>>
const ask = ({ authenticator }: Access, secret: string) =>
  authenticator.authenticate({ kind: 'token', secret })
const everywhere = (role: Grant['role']): Grant[] => [{ role, environment: null }]

async function person(name: string, roles: Grant[]): Promise<void> {
  await test_.database.change(ACTOR, async (change) => {
    await insertPrincipal(change.db, { name, kind: 'person', created_at: now, created_by: 'ada' })
    await insertRoles(change.db, name, roles)
  })
}
const issue = (access: Access, principal: string, wanted: Partial<NewToken> = {}) =>
  test_.database.change(ACTOR, (change) =>
    access.issueToken(change, principal, {
      name: 'laptop',
      roles: null,
      expires: new Date(now.getTime() + 1000),
      ...wanted,
    }),
  )

describe('the token file', () => {
  test('is made once, is long, and only its owner can read it', async () => {
    const access = await open()
    const { token, tokenFile } = access
    expect(token.length).toBeGreaterThan(40)
    expect(statSync(tokenFile).mode & 0o777).toBe(0o600)
    expect(readFileSync(tokenFile, 'utf8').trim()).toBe(token)
    expect((await open()).token).toBe(token)
    expect(await ask(access, token)).toMatchObject({ name: 'ada', kind: 'person' })
  })

  test.each(['', 'x', 'tow_'])('%j is nobody’s token', async (given) => {
    const access = await open()
    expect(await ask(access, given)).toBe(null)
    expect(await ask(access, `${access.token}${given || 'x'}`)).toBe(null)
  })

  test('that others could read is worth nothing any more', async () => {
    const { token, tokenFile } = await open()
    chmodSync(tokenFile, 0o644)
    const next = await open()
    expect(next.token).not.toBe(token)
    expect(await ask(next, token)).toBe(null)
    expect(statSync(tokenFile).mode & 0o777).toBe(0o600)
  })

  test('that was cut short is made anew', async () => {
    const { tokenFile } = await open()
    writeFileSync(tokenFile, 'tow_')
    expect((await open()).token.length).toBeGreaterThan(40)
  })

  test('makes its person known, once, as an administrator who can be given tokens', async () => {
    const access = await open()
    await access.start()
    await access.start()
    expect(await access.principalNamed(test_.db, 'ada')).toEqual({
      ...{ name: 'ada', kind: 'person', roles: everywhere('administrator'), teams: [] },
    })
    const events = await test_.db
      .selectFrom('events')
      .select('kind')
      .where('kind', '=', 'person.added')
      .execute()
    expect(events).toHaveLength(1)
  })
})

describe('a token', () => {
  test('lets its principal in with their roles of this moment, until it expires', async () => {
    const access = await open()
    await person('bea', everywhere('developer'))
    const token = await issue(access, 'bea')
    expect(await ask(access, token)).toMatchObject({ name: 'bea', roles: everywhere('developer') })
    await test_.database.change(ACTOR, (change) => insertRoles(change.db, 'bea', everywhere('operator')))
    expect((await ask(access, token))?.roles).toHaveLength(2)
    now = new Date(now.getTime() + 1000)
    await expect(ask(access, token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  test('is kept as a digest alone, and stands in no event', async () => {
    const access = await open()
    await person('cleo', everywhere('viewer'))
    const token = await issue(access, 'cleo')
    for (const table of ['tokens', 'token_roles', 'events'] as const) {
      const rows = await test_.db
        .withTables<{ tokens: object; token_roles: object }>()
        .selectFrom(table)
        .selectAll()
        .execute()
      expect(JSON.stringify(rows)).not.toContain(token.slice(4))
    }
  })

  test('can only narrow: what neither it nor its principal says is not permitted', async () => {
    const access = await open()
    await person('dan', [{ role: 'developer', environment: 'stage' }])
    const token = await issue(access, 'dan', { roles: everywhere('administrator') })
    expect((await ask(access, token))?.roles).toEqual([{ role: 'developer', environment: 'stage' }])
    const other = await issue(access, 'dan', {
      name: 'b',
      roles: [{ role: 'operator', environment: 'prod' }],
    })
    expect((await ask(access, other))?.roles).toEqual([])
  })

  test('with no role left may do nothing, and is not taken for one that was never narrowed', async () => {
    const access = await open()
    await person('eve', everywhere('operator'))
    const token = await issue(access, 'eve', { roles: [] })
    expect((await ask(access, token))?.roles).toEqual([])
  })

  test('is worth nothing after everything of its principal was revoked', async () => {
    const access = await open()
    await person('fay', everywhere('operator'))
    const tokens = [await issue(access, 'fay'), await issue(access, 'fay', { name: 'ci' })]
    await test_.database.change(ACTOR, (change) => access.revokeAll(change, 'fay'))
    for (const token of tokens) expect(await ask(access, token)).toBe(null)
  })

  test('has a name of its own, and belongs to somebody', async () => {
    const access = await open()
    await person('gus', [])
    await issue(access, 'gus')
    await expect(issue(access, 'gus')).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(issue(access, 'nobody')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
})

test('every operation is permitted to the administrator, and only what needs no role to somebody without one', async () => {
  const { authenticator } = await open()
  const operations = operationsOf(contract)
  expect(operations.length).toBeGreaterThan(40)
  const credential = { kind: 'token-file', name: null, expiresAt: null } as const
  const permitted = (roles: unknown) =>
    operations
      .filter(({ meta }) =>
        authenticator.permits(
          { name: 'x', kind: 'person', roles: roles as Grant[], teams: [], credential },
          meta.permission,
        ),
      )
      .map(({ name }) => name)
  expect(permitted(everywhere('administrator'))).toEqual(operations.map(({ name }) => name))
  const free = operations.filter(({ meta }) => /^(anyone|self)/.test(meta.permission)).map(({ name }) => name)
  expect(permitted([])).toEqual(free)
  for (const role of ['nonsense', '__proto__', 'constructor']) {
    expect(permitted([{ role, environment: null }])).toEqual(free)
  }
})
