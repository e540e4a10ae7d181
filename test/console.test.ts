/** The console in a real browser over a real platform: what a person does there, by mouse. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openConsole } from '../src/platform/console-folder.ts'
import { describeConsole } from './console/suite.ts'
import { BROKEN } from './console/world.ts'

const PASSWORD = 'correct horse battery'

describeConsole('the console, by mouse', (opened) => {
  const main = () => opened.main()
  const dialog = () => opened.dialog()
  const done = () => opened.page.getByRole('status', { name: 'What was done' })

  test('whoever is invited chooses a password, signs out, signs in, and is where they wanted to be', async () => {
    const { page, world } = opened
    const { name } = await world.client.access.whoami()
    const { code } = await world.client.signIn.invite({ name })
    await opened.goto('/fleet')
    await page.getByRole('link', { name: 'Choose your password' }).click()
    await page.getByLabel('Code of your invitation').fill(code)
    await page.getByLabel('Password, at least').fill(PASSWORD)
    await page.getByLabel('The same once more').fill(PASSWORD)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await opened.goto('/fleet')
    await page.getByLabel('Name').fill(name)
    await page.getByLabel('Password').fill(PASSWORD)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { name: 'Fleet' }).waitFor()
    await page.getByRole('link', { name: 'Home', exact: true }).click()
    await page.getByRole('heading', { name: `Hello, ${name}` }).waitFor()
  })

  test('the first page loads at most 150 kB of script, compressed', async () => {
    await opened.goto('/')
    await main().getByText('Nothing was shipped yet').waitFor()
    const loaded = await opened.page.evaluate<string[]>(
      `performance.getEntriesByType('resource').map(({ name }) => name).filter((name) => name.endsWith('.js'))`,
    )
    const folder = join(await openConsole()(), 'assets')
    const sizes = loaded.map(
      (name) => statSync(join(folder, `${name.slice(name.lastIndexOf('/') + 1)}.gz`)).size,
    )
    expect(sizes.length).toBeGreaterThan(1)
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(150 * 1024)
  })

  test('no page of it makes code of text, which its policy refuses: shapes stay out of it', async () => {
    const folder = join(await openConsole()(), 'assets')
    const scripts = readdirSync(folder).filter((name) => name.endsWith('.js'))
    expect(scripts.length).toBeGreaterThan(10)
    const makesCode = scripts.filter((name) =>
      /new Function\b|\bFunction\(|\beval\(/.test(readFileSync(join(folder, name), 'utf8')),
    )
    expect(makesCode).toEqual([])
  })

  test('an empty platform says what to do next', async () => {
    expect(await main().getByText('tow ship').count()).toBeGreaterThan(0)
  })

  test('a delivery appears by itself, without anybody reloading', async () => {
    expect(await opened.world.ship()).toBe(0)
    await main().getByRole('link', { name: 'shop', exact: true }).waitFor()
    await main().getByText('Nothing needs you').waitFor()
  })

  test('a branch that was pushed is shipped from here, and its rollout watched until it is live', async () => {
    const { page, world } = opened
    world.edit('server.cjs', world.server.replace("'hello'", "'good day'"))
    await world.push('greet', 'Greet by day')
    await main().getByRole('link', { name: 'shop', exact: true }).click()
    await page.getByRole('navigation', { name: 'About the app' }).getByRole('link', { name: 'Ship' }).click()
    await main().getByText('Greet by day').waitFor()
    await page.getByRole('button', { name: 'Ship greet of shop' }).click()
    expect(await dialog().textContent()).toContain('tow git ship greet --repository shop -a shop -e stage')
    await dialog().getByRole('button', { name: 'Ship', exact: true }).click()
    await done().getByText('Shipping greet of shop to stage').waitFor()
    await main().getByRole('link', { name: 'The rollout of v2' }).click({ timeout: 60_000 })
    await page.getByRole('heading', { name: 'v2 of shop in stage' }).waitFor()
    await main().getByRole('list', { name: 'Phases' }).getByText('live', { exact: true }).waitFor()
    await page.goBack()
    await main().getByText('serves here').waitFor()
  })

  test('promoted: chosen, planned, done, watched', async () => {
    const { page } = opened
    await page.getByRole('link', { name: 'Fleet', exact: true }).first().click()
    await page.getByRole('checkbox', { name: 'Choose shop' }).check()
    await page.getByRole('button', { name: 'Promote 1 app' }).click()
    await page.getByRole('button', { name: 'Promote 1 app to prod' }).click()
    expect(await dialog().textContent()).toContain('tow promote shop --to prod')
    await dialog().getByRole('button', { name: 'Promote', exact: true }).click()
    await main().getByText('1 of 1 app live').waitFor({ timeout: 60_000 })
  })

  test('a rollout that fails says why, with the lines that it wrote; what served goes on', async () => {
    const { page, world } = opened
    world.edit('server.cjs', BROKEN)
    await world.push('broken', 'Say no')
    await opened.goto('/apps/shop/stage/ship')
    await page.getByRole('button', { name: 'Ship broken of shop' }).click()
    await dialog().getByRole('button', { name: 'Ship', exact: true }).click()
    await main().getByText('ERROR the database said no').first().waitFor({ timeout: 60_000 })
    await page.getByRole('link', { name: 'Home', exact: true }).click()
    await main().getByRole('link', { name: 'shop in stage: v3 did not go live' }).click()
    await page.getByRole('heading', { name: 'v3 of shop in stage' }).waitFor()
    await main().getByText('ERROR the database said no').first().waitFor()
    await main().getByText('v2 serves as before').first().waitFor()
    await page.getByRole('button', { name: 'Retry…' }).waitFor()
  })

  test('rolled back, with what would differ told before, and the way back offered', async () => {
    const { page, world } = opened
    await opened.goto('/apps/shop/stage')
    await page.getByRole('button', { name: 'Roll back…' }).click()
    await dialog().getByText('What would differ').waitFor()
    expect(await dialog().textContent()).toContain('tow rollback v1 -a shop -e stage')
    await dialog().getByRole('button', { name: 'Roll back', exact: true }).click()
    await done().getByText('back to v1').waitFor()
    await done().getByRole('button', { name: 'Back to v2' }).waitFor()
    await expect
      .poll(async () => (await world.client.apps.get({ app: 'shop' })).environments[0]?.release, {
        timeout: 60_000,
      })
      .toBe(4)
  })

  test('a line is found in the logs, and its address leads back to it', async () => {
    const { page } = opened
    await main().getByRole('link', { name: 'Logs' }).click()
    await page.getByRole('searchbox').fill('needle')
    const line = page.getByRole('option', { name: /the needle in the haystack/ }).first()
    await line.getByText('needle', { exact: true }).waitFor()
    await line.click()
    await page.getByRole('region', { name: 'The chosen line' }).waitFor()
    const address = page.url()
    await opened.goto('/')
    await page.goto(address)
    await page.getByRole('option', { name: /the needle in the haystack/, selected: true }).waitFor()
  })

  test('says that it is stale while the platform is away, and catches up by itself', async () => {
    const { page, world } = opened
    await opened.goto('/timeline')
    await page.getByText('live', { exact: true }).waitFor()
    expect(opened.complaints.splice(0)).toEqual([])
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
    // What failed while it was away is what was asked for.
    opened.complaints.splice(0)
  })
})
