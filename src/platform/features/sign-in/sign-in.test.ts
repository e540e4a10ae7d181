import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { knock } from '../../../../test/malformed.ts'
import { openWholePlatform, type WholePlatform } from '../../../../test/whole-platform.ts'
import { type Client, createClient } from '../../../client/client.ts'

const PASSWORD = 'correct horse battery'
const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

let platform: WholePlatform
beforeAll(async () => {
  platform = await openWholePlatform({ still: true })
})
afterAll(async () => {
  expect(platform.logged.filter(({ level }) => level === 'error')).toEqual([])
  await platform?.close()
})
/** Attempts of one test must not count in the next. */
beforeEach(() => platform.engine.advance(2 * 60 * MINUTE))

const anyone = () => createClient({ url: platform.url, token: 'none' })
const as = (token: string) => createClient({ url: platform.url, token })

const addPerson = (name: string, kind: 'person' | 'machine' = 'person') =>
  platform.client.people.add({ name, kind })

let people = 0
/** Somebody new, who has chosen the password. */
async function newPerson(): Promise<{ name: string; client: Client; tokenName: string; token: string }> {
  people += 1
  const name = `person-${people}`
  await addPerson(name)
  const { code } = await platform.client.signIn.invite({ name })
  const { token, tokenName } = await anyone().signIn.accept({
    code,
    password: PASSWORD,
    label: 'Laptop.local',
  })
  return { name, client: as(token), token, tokenName }
}

const wrongly = (name: string) =>
  anyone()
    .signIn.withPassword({ name, password: 'wrong wrong wrong' })
    .then(
      () => 'let in',
      (error) => error.code,
    )

async function post(path: string, fields: Record<string, string>, headers: Record<string, string> = {}) {
  const response = await fetch(platform.url + path, {
    method: 'POST',
    redirect: 'manual',
    headers: { origin: platform.url, 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams(fields).toString(),
  })
  const [cookie = ''] = response.headers.getSetCookie()
  return { response, setCookie: cookie, cookie: cookie.split(';')[0]! }
}

describe('a person with a password', () => {
  test('is invited, chooses a password, and gets a token that is theirs and ends by itself', async () => {
    const { name, client, tokenName } = await newPerson()
    expect(tokenName).toMatch(/^laptop-local-[0-9a-f]{4}$/)
    const me = await client.access.whoami()
    expect(me).toMatchObject({ name, credential: { kind: 'sign-in', name: tokenName } })
    const again = await anyone().signIn.withPassword({ name, password: PASSWORD })
    expect(again.person).toBe(name)
    platform.engine.advance(91 * DAY)
    await expect(client.access.whoami()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  test('an invitation is good once, and until the next one, and for a week', async () => {
    await addPerson('once')
    const invite = () => platform.client.signIn.invite({ name: 'once' })
    const accept = (code: string) => anyone().signIn.accept({ code, password: PASSWORD })
    const first = await invite()
    const second = await invite()
    await expect(accept(first.code)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    // However it was read aloud.
    await accept(second.code.toUpperCase().replaceAll('-', ' '))
    await expect(accept(second.code)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    const third = await invite()
    platform.engine.advance(8 * DAY)
    await expect(accept(third.code)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  test('two who spend one invitation at once: one of them does', async () => {
    await addPerson('twins')
    const { code } = await platform.client.signIn.invite({ name: 'twins' })
    const both = await Promise.allSettled(
      ['one password here', 'another password'].map((password) => anyone().signIn.accept({ code, password })),
    )
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  })

  test.each([
    ['a short password', { code: 'x', password: 'short' }, 'BAD_INPUT'],
    ['a code of nobody', { code: 'aaaaa-aaaaa-aaaaa-aaaaa', password: PASSWORD }, 'UNAUTHENTICATED'],
  ])('%s is refused', async (_, input, code) => {
    await expect(anyone().signIn.accept(input)).rejects.toMatchObject({ code })
  })

  test('nobody learns who is known: the same words, whoever it is', async () => {
    const { name } = await newPerson()
    await addPerson('invited-only')
    const messages = await Promise.all(
      [name, 'invited-only', 'nobody-at-all', '', '__proto__'].map((one) =>
        anyone()
          .signIn.withPassword({ name: one, password: 'wrong wrong wrong' })
          .catch((error) => `${error.code} ${error.message}`),
      ),
    )
    expect(new Set(messages).size).toBe(1)
  })

  test('a machine is not invited, nor somebody who is not there, and only an administrator invites', async () => {
    await addPerson('robot', 'machine')
    const invite = (name: string) => platform.client.signIn.invite({ name })
    await expect(invite('robot')).rejects.toMatchObject({ code: 'REFUSED' })
    await expect(invite('not-there')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    const { client } = await newPerson()
    await expect(client.signIn.invite({ name: 'ada' })).rejects.toMatchObject({ code: 'FORBIDDEN' })
  })

  test('changes it with the present one; browsers that were signed in are not any more', async () => {
    const { name, client } = await newPerson()
    const { cookie } = await post('/sign-in', { name, password: PASSWORD })
    const change = (present: string) => client.signIn.changePassword({ present, next: 'another good one' })
    await expect(change('not this one')).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await change(PASSWORD)
    expect(await wrongly(name)).toBe('UNAUTHENTICATED')
    await anyone().signIn.withPassword({ name, password: 'another good one' })
    expect((await fetch(`${platform.url}/api/whoami`, { headers: { cookie } })).status).toBe(401)
  })

  test('signs out: that token ends, others go on; the token file can’t', async () => {
    const { name, client } = await newPerson()
    const other = as((await anyone().signIn.withPassword({ name, password: PASSWORD })).token)
    await client.signIn.signOut({})
    await expect(client.access.whoami()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    await other.access.whoami()
    await expect(platform.client.signIn.signOut({})).rejects.toMatchObject({ code: 'REFUSED' })
  })

  test('of all this no password, code or token stands in the timeline or the database', async () => {
    const { name, token } = await newPerson()
    const { code } = await platform.client.signIn.invite({ name })
    const kept = [
      ...(await platform.client.events.list({ limit: 200 })).map((event) => JSON.stringify(event)),
      ...(await Promise.all(
        ['passwords', 'sign_in_codes', 'sessions', 'tokens', 'idempotency'].map(async (table) =>
          JSON.stringify(
            await platform.database.db
              .withTables<Record<string, { hash: unknown }>>()
              .selectFrom(table as never)
              .selectAll()
              .execute(),
          ),
        ),
      )),
      ...platform.logged.map((entry) => JSON.stringify(entry)),
    ].join('\n')
    for (const secret of [PASSWORD, token, code, code.replaceAll('-', '')]) expect(kept).not.toContain(secret)
    expect(kept).toContain('scrypt$1024$8$1$')
  })
})

describe('whoever is wrong too often', () => {
  test('waits: after five wrong passwords of one person even the right one is not looked at', async () => {
    const { name, client } = await newPerson()
    for (let tries = 0; tries < 5; tries += 1) expect(await wrongly(name)).toBe('UNAUTHENTICATED')
    const answer = await fetch(`${platform.url}/api/sign-in`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name, password: PASSWORD }),
    })
    expect(answer.status).toBe(429)
    expect(answer.headers.get('retry-after')).toBe('30')
    expect(await answer.json()).toMatchObject({ code: 'TOO_MANY' })
    // What the person is signed in with already goes on, and so does everybody else.
    await client.access.whoami()
    const other = await newPerson()
    await anyone().signIn.withPassword({ name: other.name, password: PASSWORD })

    platform.engine.advance(30_000)
    expect(await wrongly(name)).toBe('UNAUTHENTICATED')
    platform.engine.advance(59_000)
    expect(await wrongly(name)).toBe('TOO_MANY')
    platform.engine.advance(1000)
    await anyone().signIn.withPassword({ name, password: PASSWORD })
  })

  test('gains nothing by asking many times at once', async () => {
    const { name } = await newPerson()
    const codes = await Promise.all(Array.from({ length: 12 }, () => wrongly(name)))
    expect(codes.filter((code) => code === 'UNAUTHENTICATED')).toHaveLength(5)
    expect(codes.filter((code) => code === 'TOO_MANY')).toHaveLength(7)
  })

  test('a name that nobody has waits just the same', async () => {
    const codes = []
    for (let tries = 0; tries < 6; tries += 1) codes.push(await wrongly('made-up'))
    expect(codes.at(-1)).toBe('TOO_MANY')
  })

  test('names don’t help: an address that is wrong with twenty of them waits', async () => {
    const { name } = await newPerson()
    const codes = []
    for (let tries = 0; tries < 21; tries += 1) codes.push(await wrongly(`name-${tries}`))
    expect(codes.slice(0, 20).every((code) => code === 'UNAUTHENTICATED')).toBe(true)
    expect(codes[20]).toBe('TOO_MANY')
    expect(await wrongly(name)).toBe('TOO_MANY')
  })

  test('however many names are made up, no more is kept than there are slots', async () => {
    const { rows } = await platform.database.db.executeQuery<{ count: number }>({
      sql: 'select count(*)::int as count from sign_in_attempts where slot >= 65536 or slot < 0',
      parameters: [],
      query: {} as never,
      queryId: {} as never,
    })
    expect(rows[0]!.count).toBe(0)
  })

  test('tokens that nobody gave out: after sixty in a minute the address is asked to wait, a right one is not', async () => {
    const ask = (token: string) =>
      fetch(`${platform.url}/api/whoami`, { headers: { authorization: `Bearer ${token}` } })
    const answers = []
    for (let tries = 0; tries < 61; tries += 1) answers.push((await ask(`tow_${tries}`)).status)
    expect(answers.slice(0, 60).every((status) => status === 401)).toBe(true)
    const last = await ask('tow_more')
    expect([last.status, last.headers.get('retry-after')]).toEqual([429, '60'])
    expect((await ask(platform.token)).status).toBe(200)
    platform.engine.advance(MINUTE)
    expect((await ask('tow_more')).status).toBe(401)
  })
})

describe('a browser', () => {
  test('gets a session by name and password, in a cookie that no script reads', async () => {
    const { name } = await newPerson()
    const { response, setCookie, cookie } = await post('/sign-in', { name, password: PASSWORD })
    expect([response.status, response.headers.get('location')]).toEqual([303, '/sign-in'])
    const { port } = new URL(platform.url)
    expect(setCookie).toMatch(
      new RegExp(`^towpath-${port}=[\\w-]{43}; Path=/; HttpOnly; SameSite=Lax; Max-Age=604800$`),
    )
    const page = await fetch(`${platform.url}/sign-in`, { headers: { cookie } })
    expect(await page.text()).toContain(`Signed in as ${name}`)
    const me = await fetch(`${platform.url}/api/whoami`, { headers: { cookie } })
    expect(await me.json()).toMatchObject({ name, credential: { kind: 'session', name: null } })
  })

  test('wrong ones stand on the page, which keeps the name and nothing else', async () => {
    const { response, setCookie } = await post('/sign-in', { name: 'a"><b', password: 'wrong wrong wrong' })
    const html = await response.text()
    expect([response.status, setCookie]).toEqual([401, ''])
    expect(html).toContain('role="alert"')
    expect(html).toContain('a&#34;&#62;&#60;b')
    expect(html).not.toContain('wrong wrong')
    expect(html).not.toContain('<script')
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(response.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
  })

  test('a session ends when nobody uses it for twelve hours, and after a week however it is used', async () => {
    const { name } = await newPerson()
    const { cookie } = await post('/sign-in', { name, password: PASSWORD })
    const status = async () => (await fetch(`${platform.url}/api/whoami`, { headers: { cookie } })).status
    for (let hours = 0; hours < 7 * 24; hours += 11) {
      expect(await status()).toBe(200)
      platform.engine.advance(11 * 60 * MINUTE)
    }
    expect(await status()).toBe(401)
    const next = await post('/sign-in', { name, password: PASSWORD })
    platform.engine.advance(12 * 60 * MINUTE)
    const idle = await fetch(`${platform.url}/api/whoami`, { headers: { cookie: next.cookie } })
    expect(idle.status).toBe(401)
  })

  test('signing in anew ends the session before; signing out ends it; so does losing all access', async () => {
    const { name } = await newPerson()
    const status = async (cookie: string) =>
      (await fetch(`${platform.url}/api/whoami`, { headers: { cookie } })).status
    const first = await post('/sign-in', { name, password: PASSWORD })
    const second = await post('/sign-in', { name, password: PASSWORD }, { cookie: first.cookie })
    expect(second.cookie).not.toBe(first.cookie)
    expect([await status(first.cookie), await status(second.cookie)]).toEqual([401, 200])
    const out = await post('/sign-out', {}, { cookie: second.cookie })
    expect(out.setCookie).toContain('Max-Age=0')
    expect(await status(second.cookie)).toBe(401)
    const third = await post('/sign-in', { name, password: PASSWORD })
    await platform.client.people.remove({ person: name })
    expect(await status(third.cookie)).toBe(401)
    expect(await wrongly(name)).toBe('UNAUTHENTICATED')
  })

  test('what it has open is cut when it signs out', async () => {
    await platform.client.people.add({
      name: 'watcher',
      roles: [{ role: 'viewer', environment: null }],
    })
    const { code } = await platform.client.signIn.invite({ name: 'watcher' })
    await anyone().signIn.accept({ code, password: PASSWORD })
    const { cookie } = await post('/sign-in', { name: 'watcher', password: PASSWORD })
    const stream = await fetch(`${platform.url}/api/events/updates`, { headers: { cookie } })
    expect(stream.status).toBe(200)
    const cut = stream.text().then(
      () => 'ended',
      () => 'cut',
    )
    await post('/sign-out', {}, { cookie })
    expect(await cut).toBe('cut')
  })

  test.each<[string, Record<string, string>]>([
    ['another origin', { origin: 'https://evil.example' }],
    ['another port of this machine', { origin: 'http://127.0.0.1:1' }],
    ['a page without an origin', { origin: 'null' }],
    ['another site, as the browser says', { 'sec-fetch-site': 'cross-site' }],
    ['a neighbour of this site', { 'sec-fetch-site': 'same-site' }],
  ])('no form of %s signs it in', async (_, headers) => {
    const { name } = await newPerson()
    const { response, setCookie } = await post('/sign-in', { name, password: PASSWORD }, headers)
    expect([response.status, setCookie]).toEqual([403, ''])
  })

  describe('with a session', () => {
    let cookie: string
    beforeEach(async () => {
      const { code } = await platform.client.signIn.browser()
      cookie = (await post('/sign-in/code', { code })).cookie
    })
    const change = (headers: Record<string, string>) =>
      knock(platform.url, {
        method: 'POST',
        path: '/api/environments',
        headers: { cookie, 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ name: 'qa' }),
      })
    const own = () => ({ origin: platform.url, 'x-towpath-page': '1' })

    test('changes what the person may change, from a page of ours', async () => {
      expect((await change({ ...own(), 'sec-fetch-site': 'same-origin' })).status).toBe(200)
    })

    test.each<[string, Record<string, string>]>([
      ['without a word of where it is from', {}],
      ['with the origin alone', { origin: 'own' }],
      ['with the header alone', { 'x-towpath-page': '1' }],
      ['from another origin', { origin: 'https://evil.example', 'x-towpath-page': '1' }],
      ['from another site', { origin: 'own', 'x-towpath-page': '1', 'sec-fetch-site': 'cross-site' }],
      ['by hand', { origin: 'own', 'x-towpath-page': '1', 'sec-fetch-site': 'none' }],
    ])('changes nothing %s', async (_, { origin, ...headers }) => {
      const from = origin === undefined ? {} : { origin: origin === 'own' ? platform.url : origin }
      expect((await change({ ...headers, ...from })).status).toBe(403)
    })

    test('another site reads nothing, and joins no terminal', async () => {
      const read = (headers: Record<string, string>) =>
        knock(platform.url, { method: 'GET', path: '/api/whoami', headers: { cookie, ...headers } })
      expect((await read({ 'sec-fetch-site': 'cross-site' })).status).toBe(403)
      expect((await read({ 'sec-fetch-site': 'same-origin' })).status).toBe(200)
      const upgrade = { connection: 'upgrade', upgrade: 'websocket' }
      const joined = await knock(platform.url, {
        method: 'GET',
        path: '/api/runs/x/terminal',
        headers: { cookie, ...upgrade },
      })
      expect(joined.status).toBe(403)
    })

    test('a token beside it is what counts', async () => {
      const headers = { authorization: `Bearer ${platform.token}`, cookie }
      const me = await fetch(`${platform.url}/api/whoami`, { headers })
      expect(await me.json()).toMatchObject({ credential: { kind: 'token-file' } })
    })

    test('two cookies of one name are none', async () => {
      const { status } = await knock(platform.url, {
        method: 'GET',
        path: '/api/whoami',
        headers: { cookie: `${cookie}; ${cookie}` },
      })
      expect(status).toBe(401)
    })
  })

  test('is signed in by a code, once, within a minute, opened by hand and not by a page', async () => {
    const visit = (code: string, site: string) =>
      knock(platform.url, {
        method: 'GET',
        path: `/sign-in/code?code=${code}`,
        headers: { 'sec-fetch-site': site },
      })
    const first = await platform.client.signIn.browser()
    const asked = await visit(first.code, 'cross-site')
    expect([asked.status, asked.text.includes('Sign in with this browser?')]).toEqual([200, true])
    expect((await visit(first.code, 'none')).status).toBe(303)
    expect((await visit(first.code, 'none')).status).toBe(401)
    const late = await platform.client.signIn.browser()
    platform.engine.advance(MINUTE)
    expect((await visit(late.code, 'none')).status).toBe(401)
  })

  test('chooses the password of an invitation, typed twice', async () => {
    await addPerson('browser-guest')
    const { code } = await platform.client.signIn.invite({ name: 'browser-guest' })
    const twice = (again: string) => post('/sign-in/invitation', { code, password: PASSWORD, again })
    expect((await twice('something else')).response.status).toBe(400)
    const { response, cookie } = await twice(PASSWORD)
    expect(response.status).toBe(303)
    const me = await fetch(`${platform.url}/api/whoami`, { headers: { cookie } })
    expect(await me.json()).toMatchObject({ name: 'browser-guest' })
  })
})
