/** Spaces, plans, tails and reasons in the console: a real browser over a real platform with real processes. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openConsole } from '../src/platform/console-folder.ts'
import { findChromium, NO_CHROMIUM, openChromium } from './chromium.ts'
import { violationsOn } from './console/axe.ts'
import { BROKEN, openConsolePage, openWorld, type Watched, type World } from './console/world.ts'

const executable = findChromium()
const runs = describe.skipIf(!executable)

const title = executable ? 'pages of the console' : `pages of the console (${NO_CHROMIUM})`
runs(title, { timeout: 180_000 }, () => {
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
  const open = (path: string) => page.goto(world.client.url + path)
  const told = (text: string) => page.getByRole('status', { name: 'What was done' }).getByText(text).waitFor()
  async function agree(verb: string, command: string) {
    const dialog = page.getByRole('dialog')
    await dialog.getByText(command, { exact: true }).waitFor()
    await dialog.getByRole('button', { name: verb, exact: true }).click()
    await dialog.waitFor({ state: 'detached' })
  }
  const space = async () => (await world.client.spaces.list({})).find(({ name }) => name === 'mine')
  async function tow(...args: string[]) {
    const ended = await world.person.tow(args, { cwd: world.project })
    expect(ended, ended.stderr).toMatchObject({ exit: 0 })
  }

  test('without a space, the page of spaces tells how the first is made', async () => {
    await open('/spaces')
    await main().getByText('There are no spaces').waitFor()
    await main().getByText('tow dev', { exact: true }).waitFor()
  })

  test('a space appears by itself, with what differs from the environment below', async () => {
    expect(await world.ship()).toBe(0)
    world.edit('server.cjs', world.server.replace("'hello'", "'servus'"))
    await tow('ship', '--space', 'mine')
    await main().getByRole('link', { name: 'mine', exact: true }).click()
    await page.getByRole('heading', { name: 'mine', exact: true }).waitFor()
    await main().getByText('What differs from v1 below').waitFor()
    await main().getByText('Does not run here: nightly').waitFor()
    const link = main().getByRole('link', { name: 'Open shop' })
    expect(await link.getAttribute('href')).toContain('//shop--mine.stage.localhost')
  })

  test('somebody is invited by a link that is shown once, and is out when it is ended', async () => {
    await main().getByLabel('For whom').fill('qa')
    await main().getByRole('button', { name: 'Invite…' }).click()
    await agree('Make the link', 'tow spaces invite mine --for qa --expires 2d')
    await main().getByText('The link for qa').waitFor()
    await main().getByRole('button', { name: 'I have it' }).click()
    await main().getByRole('button', { name: 'End the link of qa' }).click()
    const [invitation] = await world.client.spaces.invitations({ space: 'mine' })
    await agree('End it', `tow spaces uninvite mine ${invitation?.id}`)
    await main()
      .getByText(/by .+, ended/)
      .waitFor()
  })

  test('a space is kept for longer, and as before again', async () => {
    await main().getByLabel('Keep it for so long from now').selectOption('30 days')
    await main().getByRole('button', { name: 'Extend…' }).click()
    await agree('Keep', 'tow spaces extend mine --for 30d')
    const days = async () => (Date.parse((await space())!.expiresAt) - Date.now()) / 86_400_000
    await expect.poll(days).toBeGreaterThan(29)
    await page.getByRole('button', { name: 'As before' }).click()
    await expect.poll(days).toBeLessThan(8)
  })

  test('an app of it stops, and starts again by the undo', async () => {
    await main().getByRole('button', { name: 'Stop shop…' }).click()
    await agree('Stop', 'tow spaces stop mine shop')
    await main().getByText('Stopped: calls for shop go to stage.').waitFor()
    await page.getByRole('button', { name: 'Start again' }).click()
    await main().getByText('Everything that should run is healthy.').waitFor({ timeout: 30_000 })
  })

  test('everybody sees who has the traffic of an app, and can give it back', async () => {
    await main().getByRole('button', { name: 'Take all traffic…' }).click()
    await agree('Take the traffic', 'tow spaces swap shop --space mine --for 1h')
    await main()
      .getByText(/has all traffic of stage for shop, since/)
      .waitFor()
    await open('/spaces?state=has%20traffic')
    await main().getByText('has all traffic').first().waitFor()
    await main().getByRole('link', { name: 'mine', exact: true }).click()
    await main().getByRole('button', { name: 'Give back…' }).click()
    await agree('Give back', 'tow spaces unswap shop -e stage')
    await main().getByText('Only who comes through mine meets it').waitFor()
    expect((await space())!.apps[0]!.swap).toBeNull()
  })

  test('a promotion names what it brings, and config that is missing there', async () => {
    await tow('promote', 'shop')
    expect(await world.ship()).toBe(0)
    await tow('config', 'set', 'REGION=eu', '-a', 'shop')
    await open('/promote?apps=shop')
    await main().getByText('Brings one release').waitFor()
    await main().getByText('Set in stage, not in prod').waitFor()
    await main().getByText('tow config set REGION=... -a shop -e prod').waitFor()
    await open('/fleet')
    await main().getByText('1 behind stage').first().waitFor()
  })

  test('a build says why it was not taken from before', async () => {
    const builds = await world.client.builds.list({ app: 'shop', limit: 10 })
    const built = builds.find(({ reused }) => !reused)!
    await open(`/builds/${built.id}`)
    await main().getByText('Not reused: server.cjs changed.').first().waitFor()
  })

  test('a rollout that fails shows its lines as they come, and lets nobody wait for the reason', async () => {
    world.edit('server.cjs', BROKEN)
    const shipped = world.ship()
    const moving = async () => (await world.client.rollouts.list({ active: true, limit: 1 }))[0]?.id
    await expect.poll(moving, { timeout: 60_000 }).toBeTruthy()
    await open(`/rollouts/${await moving()}`)
    const log = main().getByRole('log')
    await log.getByText('ERROR the database said no').first().waitFor({ timeout: 60_000 })
    expect(await shipped).not.toBe(0)
    await main().getByText('serves as before').first().waitFor()
    await main().getByRole('button', { name: 'Retry…' }).waitFor()
  })

  test('an address of one event shows it, whatever the filters leave', async () => {
    const [event] = await world.client.events.list({ kind: 'config.changed', limit: 1 })
    await open(`/timeline?kind=rollout&app=shop&at=${event!.position}`)
    const chosen = page.locator(`#event-${event!.position}[data-chosen=true]`)
    await chosen.getByText(event!.message).waitFor()
    const others = await main().getByRole('listitem').count()
    expect(others).toBeGreaterThan(2)
    await main().getByRole('link', { name: 'The newest' }).click()
    await main().getByText('Newest first').waitFor()
    expect(page.url()).toContain('kind=rollout')
  })

  test('environments tell what there is, what is asked for and what is used', async () => {
    await open('/environments')
    await main()
      .getByText(/cores? used|not measured/)
      .first()
      .waitFor()
    await main().getByText('Of this machine.').first().waitFor()
  })

  test('each view begins with its own columns and events', async () => {
    await page.getByLabel('View for').selectOption('lead')
    await open('/fleet')
    await main().getByText('Into prod, 30 days').waitFor()
    await page.getByLabel('View for').selectOption('support')
    await main().getByText('Taken back by').first().waitFor()
    await open('/timeline')
    expect(await main().getByLabel('Kind').inputValue()).toBe('customers')
    await open('/')
    await main()
      .getByText(/Can take it back: \w/)
      .first()
      .waitFor()
    await page.getByLabel('View for').selectOption('developer')
  })

  test.for(['light', 'dark'] as const)(
    'these pages meet WCAG 2.2 AA, %s, and fit 360 pixels',
    async (theme) => {
      const [rollout] = await world.client.rollouts.list({ limit: 1 })
      const [event] = await world.client.events.list({ limit: 1 })
      const [build] = await world.client.builds.list({ limit: 1 })
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' })
      const wrong: string[] = []
      for (const path of [
        ...['/', '/fleet', '/spaces', '/spaces/mine', '/environments', '/promote?apps=shop'],
        ...[`/timeline?at=${event!.position}`, `/rollouts/${rollout!.id}`, `/builds/${build!.id}`],
      ]) {
        await page.setViewportSize({ width: 1400, height: 900 })
        await open(path)
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

  test('a space is removed with everything in it, and its page says what is left to do', async () => {
    await open('/spaces/mine')
    await main().getByRole('button', { name: 'Remove…' }).click()
    await agree('Remove', 'tow spaces remove mine')
    await told('mine is being removed')
    await main().getByText('There are no spaces').waitFor({ timeout: 30_000 })
    expect(await space()).toBeUndefined()
    expect(watched.complaints).toEqual([])
    await open('/spaces/mine')
    await main().getByText('There is no space mine').waitFor()
  })
})
