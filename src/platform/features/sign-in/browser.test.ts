/** The cookie as a real browser keeps it, over TLS and without; every page without script. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeCertificates } from '../../../../test/certificates.ts'
import { findChromium, NO_CHROMIUM, openChromium } from '../../../../test/chromium.ts'
import { openWholePlatform, type WholePlatform } from '../../../../test/whole-platform.ts'

const executable = findChromium()
const PASSWORD = 'correct horse battery'

describe(executable ? 'a real browser' : `a real browser (${NO_CHROMIUM})`, { timeout: 120_000 }, () => {
  let platform: WholePlatform
  let secure: string
  let folder: string
  let browser: Browser
  /** Somebody else's page on this machine, which is the same site and another origin. */
  let stranger: Server

  beforeAll(async () => {
    if (!executable) return
    platform = await openWholePlatform()
    folder = mkdtempSync(join(tmpdir(), 'tow-browser-'))
    const tls = makeCertificates(folder).issue(['127.0.0.1'])
    secure = await platform.listenBeyond({ host: '0.0.0.0', port: 0, names: [], tls })
    browser = await openChromium(executable)
    stranger = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html')
      response.end(`<form method="post" action="${platform.url}/sign-out"><button>Win a prize</button></form>
        <a href="${platform.url}/sign-in/code?code=aaaaa">A link</a>`)
    })
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve))
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    stranger?.close()
    await platform?.close()
    if (folder) rmSync(folder, { recursive: true, force: true })
  })

  async function open(javaScriptEnabled = false): Promise<Page> {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, javaScriptEnabled })
    context.setDefaultTimeout(15_000)
    return context.newPage()
  }

  async function acceptInvitation(page: Page, base: string) {
    const { code } = await platform.client.signIn.invite({ name: 'ada' })
    await page.goto(`${base}/sign-in`)
    await page.getByRole('link', { name: 'Choose your password' }).click()
    await page.getByLabel('Code of your invitation').fill(code)
    await page.getByLabel('Password, at least').fill(PASSWORD)
    await page.getByLabel('The same once more').fill(PASSWORD)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { name: 'Signed in as ada' }).waitFor()
  }

  test('is invited, signs out, and signs in with its password, without any script, over TLS', async ({
    skip,
  }) => {
    if (!executable) return skip(NO_CHROMIUM)
    const page = await open()
    await acceptInvitation(page, secure)
    const [cookie] = await page.context().cookies()
    expect(cookie).toMatchObject({
      name: '__Host-towpath',
      secure: true,
      httpOnly: true,
      sameSite: 'Lax',
      path: '/',
    })
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    expect(await page.context().cookies()).toEqual([])
    await page.getByLabel('Name').fill('ada')
    await page.getByLabel('Password').fill('wrong wrong wrong')
    await page.getByRole('button', { name: 'Sign in' }).click()
    expect(await page.getByRole('alert').textContent()).toContain('don’t fit together')
    await page.getByLabel('Password').fill(PASSWORD)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { name: 'Signed in as ada' }).waitFor()
    await page.context().close()
  })

  test('opens the address of tow open --console and is signed in; a page that leads there has to ask', async ({
    skip,
  }) => {
    if (!executable) return skip(NO_CHROMIUM)
    const page = await open()
    const { path, code } = await platform.client.signIn.browser()
    await page.goto(`${platform.url}${path}?code=${code}`)
    await page.getByRole('heading', { name: 'Signed in as ada' }).waitFor()
    expect(page.url()).toBe(`${platform.url}/sign-in`)
    const { port } = stranger.address() as { port: number }
    await page.goto(`http://127.0.0.1:${port}`)
    await page.getByRole('link', { name: 'A link' }).click()
    await page.getByRole('heading', { name: 'Sign in with this browser?' }).waitFor()
    await page.context().close()
  })

  test('a page of another origin signs nobody out, even on this machine', async ({ skip }) => {
    if (!executable) return skip(NO_CHROMIUM)
    const page = await open()
    await acceptInvitation(page, platform.url)
    const { port } = stranger.address() as { port: number }
    await page.goto(`http://127.0.0.1:${port}`)
    await page.getByRole('button', { name: 'Win a prize' }).click()
    await page.waitForLoadState()
    expect(await page.textContent('body')).toContain('FORBIDDEN')
    await page.goto(`${platform.url}/sign-in`)
    await page.getByRole('heading', { name: 'Signed in as ada' }).waitFor()
    await page.context().close()
  })

  test('no script changes anything: not in a page of ours, which allows none, and not in another’s', async ({
    skip,
  }) => {
    if (!executable) return skip(NO_CHROMIUM)
    const page = await open(true)
    await acceptInvitation(page, platform.url)
    const add = (base: string, name: string, headers: Record<string, string>) =>
      page.evaluate(
        async ([to, body, more]) => {
          const init = { method: 'POST', credentials: 'include', body, headers: more } as RequestInit
          return fetch(`${to}/api/environments`, init).then(
            ({ status }) => status,
            () => 'refused by the browser',
          )
        },
        [base, JSON.stringify({ name }), { 'content-type': 'application/json', ...headers }] as const,
      )
    // What the page itself may reach is for its policy to say; a policy for scripts comes with the console.
    await page.goto(`${platform.url}/openapi.json`)
    expect(await add(platform.url, 'from-script', { 'x-towpath-page': '1' })).not.toBe(200)
    expect((await platform.client.environments.list()).map(({ name }) => name)).not.toContain('from-script')
    const { port } = stranger.address() as { port: number }
    await page.goto(`http://127.0.0.1:${port}`)
    expect(await add(platform.url, 'foreign', { 'x-towpath-page': '1' })).toBe('refused by the browser')
    expect((await platform.client.environments.list()).map(({ name }) => name)).not.toContain('foreign')
    await page.context().close()
  })
})
