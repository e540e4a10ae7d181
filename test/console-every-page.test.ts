/** Every page of the console: for whoever can’t see, has a small or a very large screen, or a finger. */
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { violationsOn } from './console/axe.ts'
import { describeConsole } from './console/suite.ts'
import { BROKEN, openConsolePage, WITH_DATABASE } from './console/world.ts'

const SIZES = [
  { width: 360, height: 800 },
  { width: 1400, height: 900 },
  { width: 3840, height: 2160 },
]
/** Of a window’s area times the way moved, as browsers count it; 0.1 is still called good. */
const MOST_SHIFT = 0.01

/** Nothing loads, and since the last look nothing more was asked for; the one stream goes on. */
const settled = (page: Page): Promise<boolean> =>
  page.evaluate<boolean>(`(() => {
    const asked = performance.getEntriesByType('resource').length
    const isSame = window.askedBefore === asked
    window.askedBefore = asked
    return isSame && document.querySelector('.loading') === null
  })()`)

const WATCH_SHIFTS = `window.shifts = []
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) {
      if (!one.hadRecentInput) shifts.push([one.value, ...one.sources.map(({ node }) => node?.className || node?.nodeName)])
    }
  }).observe({ type: 'layout-shift', buffered: true })`

describeConsole('every page of the console', (opened) => {
  async function paths(): Promise<string[]> {
    const { client } = opened.world
    const [rollout] = await client.rollouts.list({ limit: 1 })
    const [build] = await client.builds.list({ limit: 1 })
    const place = '/apps/shop/stage'
    return [
      ...['/', '/fleet', '/promote?apps=shop', '/timeline', '/builds', `/builds/${build!.id}`, '/delivery'],
      ...['/spaces', '/spaces/mine', '/environments', '/people', `/rollouts/${rollout!.id}`, place],
      ...['/domains', '/databases', '/drains'],
      ...['ship', 'releases', 'config', 'runs', 'logs', 'domains', 'database'].map(
        (page) => `${place}/${page}`,
      ),
    ]
  }

  async function open(page: Page, path: string): Promise<void> {
    await page.goto(opened.world.client.url + path)
    await page.getByRole('heading', { level: 1 }).waitFor()
    await page.getByRole('status', { name: 'Loading' }).first().waitFor({ state: 'detached' })
    await expect.poll(() => settled(page), { timeout: 20_000 }).toBe(true)
  }

  test('is there to be looked at: releases, one that failed, a branch, a space, a run, a domain, a drain', async () => {
    const { world } = opened
    const { client } = world
    world.edit('tow.yaml', WITH_DATABASE)
    expect(await world.ship()).toBe(0)
    await world.push('greet', 'Greet')
    world.edit('server.cjs', world.server.replace("'hello'", "'servus'"))
    const into = await world.person.tow(['ship', '--space', 'mine'], { cwd: world.project })
    expect(into, into.stderr).toMatchObject({ exit: 0 })
    world.edit('server.cjs', BROKEN)
    expect(await world.ship()).not.toBe(0)
    const ran = await world.person.tow(['run', '-a', 'shop', '--', 'node', '-e', '0'])
    expect(ran.exit).toBe(0)
    await client.domains.add({ app: 'shop', environment: 'stage', host: 'shop.example.com' })
    await client.drains.add({ environment: 'stage', url: 'http://127.0.0.1:9/v1/logs' })
    await opened.signIn()
  })

  test.for(['light', 'dark'] as const)('meets WCAG 2.2 AA, %s', { timeout: 600_000 }, async (theme) => {
    const { page } = opened
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' })
    const wrong: string[] = []
    for (const path of [...(await paths()), '/docs']) {
      // Where there is little room the same colours are elsewhere: once is enough.
      for (const size of SIZES.slice(theme === 'light' ? 0 : 1, 2)) {
        await page.setViewportSize(size)
        await (path === '/docs' ? opened.goto(path) : open(page, path))
        for (const one of await violationsOn(page)) wrong.push(`${path} at ${size.width}: ${one}`)
      }
    }
    expect(wrong).toEqual([])
  })

  test('fits 360 pixels and 4K: nothing is wider than the window', async () => {
    const { page } = opened
    const wrong: string[] = []
    for (const path of await paths()) {
      await open(page, path)
      for (const size of SIZES) {
        await page.setViewportSize(size)
        const beyond = await page.evaluate<number>(
          'document.documentElement.scrollWidth - document.documentElement.clientWidth',
        )
        if (beyond > 0) wrong.push(`${path}: ${beyond} pixels too wide at ${size.width}`)
      }
    }
    expect(wrong).toEqual([])
  })

  test.for(SIZES.slice(0, 2))('does not shift while it loads, at $width', async (viewport) => {
    const { page, complaints } = await openConsolePage(opened.browser, opened.world.client, { viewport })
    await page.addInitScript(WATCH_SHIFTS)
    const wrong: string[] = []
    for (const path of await paths()) {
      await open(page, path)
      const shifts = await page.evaluate<[number, ...string[]][]>('shifts')
      const sum = shifts.reduce((all, [value]) => all + value, 0)
      if (sum > MOST_SHIFT) wrong.push(`${path}: ${sum.toFixed(3)} ${JSON.stringify(shifts)}`)
    }
    await page.context().close()
    expect(wrong).toEqual([])
    expect(complaints).toEqual([])
  })

  test('what hover tells, a tap tells too, and another hides it', async () => {
    const { page, complaints } = await openConsolePage(opened.browser, opened.world.client, {
      ...{ viewport: { width: 400, height: 800 }, hasTouch: true, isMobile: true },
    })
    const told = (text: string) => page.getByRole('tooltip').filter({ hasText: text })
    await open(page, '/delivery')
    const asks = page.getByRole('heading', { name: 'Lead time' }).getByRole('button')
    await asks.tap()
    await told('From the commit to the release being live').waitFor()
    await asks.tap()
    await told('From the commit to the release being live').waitFor({ state: 'hidden' })
    await open(page, '/people')
    const time = page.getByRole('main').locator('li time').first()
    await time.tap()
    await told((await time.getAttribute('title'))!).waitFor()
    await page.context().close()
    expect(complaints).toEqual([])
  })
})
