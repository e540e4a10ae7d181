/** The console by keyboard alone: the same as by mouse, and where the focus is meanwhile. */
import { expect, test } from 'vitest'
import { createHands, focused, tabTo } from './console/keyboard.ts'
import { describeConsole } from './console/suite.ts'
import { BROKEN } from './console/world.ts'

const PASSWORD = 'correct horse battery'

describeConsole('the console, by keyboard alone', (opened) => {
  const main = () => opened.main()
  const { press, type, nameOfFocus, goBy } = createHands(opened)
  const heading = (name: string) => opened.page.getByRole('heading', { name, exact: true }).waitFor()

  async function shipBranch(branch: string) {
    await goBy('shop stage')
    await opened.page.getByRole('button', { name: 'Restart…' }).waitFor()
    await press('s')
    await opened.page.getByRole('button', { name: `Ship ${branch} of shop` }).waitFor()
    await tabTo(opened.page, `Ship ${branch} of shop`)
    await press('Enter')
    await opened.dialog().getByText(`tow git ship ${branch}`).waitFor()
    await expect.poll(nameOfFocus).toBe('Ship')
    await press('Enter')
  }

  test('signs in with a password that was just chosen', async () => {
    const { page, world } = opened
    const { name } = await world.client.access.whoami()
    const { code } = await world.client.signIn.invite({ name })
    await opened.goto('/sign-in/invitation')
    await expect.poll(nameOfFocus).toBe('Code of your invitation')
    await type(code)
    await press('Tab')
    await type(PASSWORD)
    await press('Tab')
    await type(PASSWORD)
    await press('Enter')
    await heading(`Hello, ${name}`)
    expect(await world.ship()).toBe(0)
    await main().getByRole('link', { name: 'shop', exact: true }).waitFor()
    await page.reload()
    await heading(`Hello, ${name}`)
  })

  test('the first Tab leads past the navigation, and the page has a name', async () => {
    const { page } = opened
    await press('Tab')
    await expect
      .poll(() => focused(page))
      .toMatchObject({ name: 'To the page', isMarked: true, isSeen: true })
    await press('Enter', 'Tab')
    expect(await page.evaluate('document.activeElement.closest("main") !== null')).toBe(true)
    await press('g', 'f')
    await heading('Fleet')
    await expect.poll(() => page.title()).toBe('Fleet · Towpath')
  })

  test('what opens takes the focus, and gives it back however it is closed', async () => {
    const { page } = opened
    await goBy('shop stage')
    await page.getByRole('button', { name: 'Restart…' }).waitFor()
    await tabTo(page, 'Restart…')
    for (const [open, shut] of [
      [['Enter'], ['Escape']],
      [['Enter'], ['Shift+Tab', 'Enter']],
      [['?'], ['Escape']],
      [['Control+k'], ['Escape']],
    ] as const) {
      await press(...open)
      await opened.dialog().waitFor()
      expect(await page.evaluate('document.activeElement.closest("dialog") !== null')).toBe(true)
      await press(...shut)
      await opened.dialog().waitFor({ state: 'detached' })
      await expect.poll(nameOfFocus).toBe('Restart…')
    }
  })

  test('ships a branch, watches its rollout, and is in the page after each step', async () => {
    const { page, world } = opened
    world.edit('server.cjs', world.server.replace("'hello'", "'good evening'"))
    await world.push('greet', 'Greet by night')
    await shipBranch('greet')
    await opened.dialog().waitFor({ state: 'detached' })
    await expect.poll(nameOfFocus).toBe('Ship greet of shop')
    await main().getByRole('link', { name: 'The rollout of v2' }).waitFor({ timeout: 60_000 })
    await tabTo(page, 'The rollout of v2', 'Shift+Tab')
    await press('Enter')
    await heading('v2 of shop in stage')
    expect((await focused(page)).tag).toBe('main')
    await main().getByRole('list', { name: 'Phases' }).getByText('live', { exact: true }).waitFor()
  })

  test('sees one fail, and reads why', async () => {
    const { page, world } = opened
    world.edit('server.cjs', BROKEN)
    await world.push('broken', 'Say no')
    await shipBranch('broken')
    await main().getByText('ERROR the database said no').first().waitFor({ timeout: 60_000 })
    await press('g', 'h')
    const link = 'shop in stage: v3 did not go live'
    await main().getByRole('link', { name: link }).waitFor()
    await press('j')
    await expect.poll(nameOfFocus).toBe(link)
    await press('Enter')
    await heading('v3 of shop in stage')
    await main().getByText('v2 serves as before').first().waitFor()
    await tabTo(page, 'Retry…')
  })

  test('promotes', async () => {
    const { page } = opened
    await press('g', 'f')
    await page.getByRole('checkbox', { name: 'Choose shop' }).waitFor()
    await press('j')
    await expect.poll(nameOfFocus).toBe('shop')
    await press('Shift+Tab', 'Space')
    await page.getByRole('button', { name: 'Promote 1 app' }).waitFor()
    await press('p')
    await page.getByRole('button', { name: 'Promote 1 app to prod' }).waitFor()
    await tabTo(page, 'Promote 1 app to prod…')
    await press('Enter')
    await opened.dialog().waitFor()
    await press('Enter')
    await main().getByText('1 of 1 app live').waitFor({ timeout: 60_000 })
  })

  test('rolls back, and takes that back', async () => {
    const { page, world } = opened
    await goBy('shop stage')
    await page.getByRole('button', { name: 'Roll back…' }).waitFor()
    await press('r')
    await opened.dialog().getByText('What would differ').waitFor()
    await press('Enter')
    await page.getByRole('status', { name: 'What was done' }).getByText('back to v1').waitFor()
    await expect
      .poll(async () => (await world.client.apps.get({ app: 'shop' })).environments[0]?.release, {
        timeout: 60_000,
      })
      .toBe(4)
    await tabTo(page, 'Back to v2', 'Shift+Tab')
    await press('u')
    await page.getByRole('status', { name: 'What was done' }).getByText('back to v2').waitFor()
  })

  test('finds a line in the logs', async () => {
    const { page } = opened
    await goBy('logs of shop stage')
    await page.getByRole('searchbox').waitFor()
    await press('/')
    await type('needle')
    await page
      .getByRole('option', { name: /the needle in the haystack/ })
      .first()
      .waitFor()
    await tabTo(page, 'Log lines')
    await press('End')
    await page.getByRole('region', { name: 'The chosen line' }).waitFor()
    expect(page.url()).toContain('line=')
  })

  test('opens the navigation where there is little room, and Esc closes it', async () => {
    const { page } = opened
    const slidIn = () => expect.poll(() => focused(page)).toMatchObject({ name: 'Towpath', isSeen: true })
    await page.setViewportSize({ width: 400, height: 800 })
    await opened.goto('/fleet')
    await heading('Fleet')
    await tabTo(page, 'Menu')
    await press('Enter')
    await slidIn()
    await press('Escape')
    await expect.poll(nameOfFocus).toBe('Menu')
    await press('Enter')
    await slidIn()
    await tabTo(page, 'Timeline')
    await press('Enter')
    await heading('Timeline')
    await page.setViewportSize({ width: 1400, height: 900 })
  })
})
