import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { contract } from '../../../api/contract.ts'
import { operationsOf } from '../../kernel/http/table.ts'
import { createAccess } from './index.ts'

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'tow-access-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const open = () => createAccess({ home, person: 'ada' })

test('the token is made once, is long, and only its owner can read it', async () => {
  const { token, tokenFile, authenticator } = await open()
  expect(token.length).toBeGreaterThan(40)
  expect(statSync(tokenFile).mode & 0o777).toBe(0o600)
  expect(readFileSync(tokenFile, 'utf8').trim()).toBe(token)
  expect((await open()).token).toBe(token)
  expect(await authenticator.authenticate(token)).toMatchObject({ name: 'ada', kind: 'person' })
})

test.each(['', 'x', 'tow_'])('%j is nobody’s token', async (given) => {
  const { authenticator, token } = await open()
  expect(await authenticator.authenticate(given)).toBe(null)
  expect(await authenticator.authenticate(`${token}${given || 'x'}`)).toBe(null)
})

test('a token that others could read is worth nothing any more', async () => {
  const { token, tokenFile } = await open()
  chmodSync(tokenFile, 0o644)
  const next = await open()
  expect(next.token).not.toBe(token)
  expect(await next.authenticator.authenticate(token)).toBe(null)
  expect(statSync(tokenFile).mode & 0o777).toBe(0o600)
})

test('a token file that was cut short is made anew', async () => {
  const { tokenFile } = await open()
  writeFileSync(tokenFile, 'tow_')
  expect((await open()).token.length).toBeGreaterThan(40)
})

test('every operation is permitted to the administrator, and none to somebody without a role', async () => {
  const { authenticator } = await open()
  const operations = operationsOf(contract)
  expect(operations.length).toBeGreaterThan(40)
  const permitted = (roles: string[]) =>
    operations
      .filter(({ meta }) => authenticator.permits({ name: 'x', kind: 'person', roles }, meta.permission))
      .map(({ name }) => name)
  expect(permitted(['administrator'])).toEqual(operations.map(({ name }) => name))
  const open_ = operations.filter(({ meta }) => meta.permission === 'anyone').map(({ name }) => name)
  expect(permitted([])).toEqual(open_)
  expect(permitted(['nonsense', '__proto__', 'constructor'])).toEqual(open_)
})
