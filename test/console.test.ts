/** The console in a real browser over a real platform: what a person does there, by mouse and by keyboard alone. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openConsole } from '../src/platform/console-folder.ts'
import { findChromium, NO_CHROMIUM, openChromium } from './chromium.ts'
import { violationsOn } from './console/axe.ts'
import { BROKEN, openConsolePage, openWorld, type Watched, type World } from './console/world.ts'

const executable = findChromium()
const runs = describe.skipIf(!executable)

runs(executable ? 'the console' : `the console (${NO_CHROMIUM})`, { timeout: 180_000 }, () => {
  let world: World
  let browser: Browser
  let watched: Watched
  let page: Page

  beforeAll(async () => {
    world = await openWorld()
    await openConsole()()
    browser = await openChromium(executable!)
    watched = await openConsolePage(browser, world.client)
    page = watched.page
  }, 180_000)
  afterAll(async () => {
    await browser?.close()
    await world?.close()
  }, 120_000)

  const main = () => page.getByRole('main')
  /** From the home page, by its first letters. */
  async function goBy(letters: string) {
    await page.keyboard.press('Control+k')
    await page.keyboard.type(letters)
    await page.getByRole('dialog').getByRole('option').first().waitFor()
    await page.keyboard.press('Enter')
  }

  test('the first page loads at most 150 kB of script, compressed', async () => {
    const loaded = await page.evaluate<string[]>(
      `performance.getEntriesByType('resource').map(({ name }) => name).filter((name) => name.endsWith('.js'))`,
    )
    const folder = join(await openConsole()(), 'assets')
    const sizes = loaded.map(
      (name) => statSync(join(folder, `${name.slice(name.lastIndexOf('/') + 1)}.gz`)).size,
    )
    expect(sizes.length).toBeGreaterThan(1)
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(150 * 1024)
  })

  test('an empty platform says what to do next', async () => {
    await main().getByText('Nothing was shipped yet').waitFor()
    expect(await main().getByText('tow ship').count()).toBeGreaterThan(0)
  })

  test('a delivery appears by itself, without anybody reloading', async () => {
    expect(await world.ship()).toBe(0)
    await main().getByRole('link', { name: 'shop', exact: true }).waitFor()
    await main().getByText('Nothing needs you').waitFor()
  })

  test('promoted by mouse: chosen, planned, done, watched', async () => {
    await page.getByRole('link', { name: 'Fleet', exact: true }).first().click()
    await page.getByRole('checkbox', { name: 'Choose shop' }).check()
    await page.getByRole('button', { name: 'Promote 1 app' }).click()
    await page.getByRole('button', { name: 'Promote 1 app to prod' }).click()
    const dialog = page.getByRole('dialog')
    expect(await dialog.textContent()).toContain('tow promote shop --to prod')
    await dialog.getByRole('button', { name: 'Promote', exact: true }).click()
    await main().getByText('1 of 1 app live').waitFor({ timeout: 60_000 })
  })

  test('a rollout that fails says why, with the lines that it wrote; what served goes on', async () => {
    world.edit('server.cjs', BROKEN)
    expect(await world.ship()).not.toBe(0)
    await page.getByRole('link', { name: 'Home', exact: true }).click()
    await main().getByRole('link', { name: 'shop in stage: v2 did not go live' }).click()
    await page.getByRole('heading', { name: 'v2 of shop in stage' }).waitFor()
    await main().getByText('ERROR the database said no').first().waitFor()
    await main().getByText('v1 serves as before').first().waitFor()
    await page.getByRole('button', { name: 'Retry…' }).waitFor()
  })

  test('a line is found in the logs, and its address leads back to it', async () => {
    await page.goto(`${world.client.url}/apps/shop/stage/logs`)
    await page.getByRole('searchbox').fill('needle')
    const line = page.getByRole('option', { name: /the needle in the haystack/ }).first()
    await line.click()
    await page.getByRole('region', { name: 'The chosen line' }).waitFor()
    const address = page.url()
    await page.goto(`${world.client.url}/`)
    await page.goto(address)
    await page.getByRole('option', { name: /the needle in the haystack/, selected: true }).waitFor()
  })

  test('rolled back by mouse, with what would differ told before', async () => {
    world.edit('server.cjs', world.server.replace("'hello'", "'good day'"))
    expect(await world.ship()).toBe(0)
    await page.goto(`${world.client.url}/apps/shop/stage`)
    await page.getByRole('button', { name: 'Roll back…' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('What would differ').waitFor()
    expect(await dialog.textContent()).toContain('tow rollback v1 -a shop -e stage')
    await dialog.getByRole('button', { name: 'Roll back', exact: true }).click()
    await page.getByRole('status', { name: 'What was done' }).getByText('back to v1').waitFor()
    await expect
      .poll(async () => (await world.client.apps.get({ app: 'shop' })).environments[0]?.release, {
        timeout: 60_000,
      })
      .toBe(4)
  })

  test('the same by keyboard alone: fleet, promotion, rollback, a line in the logs', async () => {
    world.edit('server.cjs', world.server.replace("'hello'", "'good evening'"))
    expect(await world.ship()).toBe(0)
    await page.goto(`${world.client.url}/`)
    await page.getByRole('heading', { name: /Hello/ }).waitFor()
    await page.keyboard.press('?')
    await page.getByRole('dialog').getByText('find an app, a page, an action').waitFor()
    await page.keyboard.press('Escape')
    await page.keyboard.press('g')
    await page.keyboard.press('f')
    await page.getByRole('heading', { name: 'Fleet' }).waitFor()
    await page.getByRole('checkbox', { name: 'Choose shop' }).waitFor()
    await page.keyboard.press('j')
    await expect.poll(() => page.evaluate('document.activeElement.textContent')).toBe('shop')
    await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('Space')
    await page.getByRole('button', { name: 'Promote 1 app' }).waitFor()
    await page.keyboard.press('p')
    await page.getByRole('button', { name: 'Promote 1 app to prod' }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').waitFor()
    await page.keyboard.press('Enter')
    await main().getByText('1 of 1 app live').waitFor({ timeout: 60_000 })
    await goBy('shop prod')
    await page.getByRole('heading', { name: 'shop', exact: true }).waitFor()
    await page.getByRole('button', { name: 'Roll back…' }).waitFor()
    await page.keyboard.press('r')
    await page.getByRole('dialog').getByText('What would differ').waitFor()
    await page.keyboard.press('Enter')
    await page.getByRole('status', { name: 'What was done' }).getByText('back to v1').waitFor()
    await goBy('logs of shop stage')
    await page.getByRole('searchbox').waitFor()
    await page.keyboard.press('/')
    await page.keyboard.type('needle')
    await page
      .getByRole('option', { name: /the needle in the haystack/ })
      .first()
      .waitFor()
    await page.getByRole('listbox', { name: 'Log lines' }).focus()
    await page.keyboard.press('ArrowDown')
    await page.getByRole('region', { name: 'The chosen line' }).waitFor()
  })

  test.for(['light', 'dark'] as const)(
    'every page meets WCAG 2.2 AA, %s, and fits 360 pixels',
    async (theme) => {
      const [rollout] = await world.client.rollouts.list({ limit: 1 })
      const [build] = await world.client.builds.list({ limit: 1 })
      const pages = [
        ...['/', '/fleet', '/promote?apps=shop', '/timeline', '/builds', `/builds/${build!.id}`, '/delivery'],
        ...[
          '/environments',
          '/people',
          `/rollouts/${rollout!.id}`,
          '/apps/shop/stage',
          '/apps/shop/prod/releases',
        ],
        ...['/apps/shop/prod/config', '/apps/shop/prod/runs', '/apps/shop/prod/logs'],
      ]
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' })
      const wrong: string[] = []
      for (const path of pages) {
        await page.setViewportSize({ width: 1400, height: 900 })
        await page.goto(world.client.url + path)
        await page.getByRole('heading', { level: 1 }).waitFor()
        await page.getByRole('status', { name: 'Loading' }).first().waitFor({ state: 'detached' })
        for (const violation of await violationsOn(page)) wrong.push(`${path}: ${violation}`)
        await page.setViewportSize({ width: 360, height: 800 })
        const beyond = await page.evaluate<number>(
          'document.documentElement.scrollWidth - document.documentElement.clientWidth',
        )
        if (beyond > 0) wrong.push(`${path}: ${beyond} pixels too wide`)
      }
      await page.setViewportSize({ width: 1400, height: 900 })
      expect(wrong).toEqual([])
    },
  )

  test('says that it is stale while the platform is away, and catches up by itself', async () => {
    await page.goto(`${world.client.url}/timeline`)
    await page.getByText('live', { exact: true }).waitFor()
    expect(watched.complaints).toEqual([])
    await world.person.tow(['down', '--platform-only'])
    await page.getByText(/not live: as of/).waitFor()
    const port = new URL(world.client.url).port
    expect((await world.person.tow(['up', '--port', port])).exit).toBe(0)
    await page.getByText('live', { exact: true }).waitFor({ timeout: 60_000 })
    await world.client.processes.restart({ app: 'shop', environment: 'stage' })
    await main()
      .getByText(/restart/i)
      .first()
      .waitFor()
  })
})
