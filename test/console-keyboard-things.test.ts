/** Domains, databases, dumps and drains in the console, by keyboard alone. */
import { expect, test } from 'vitest'
import { createHands, tabTo } from './console/keyboard.ts'
import { describeConsole } from './console/suite.ts'
import { WITH_DATABASE } from './console/world.ts'

describeConsole('things of an app in the console, by keyboard alone', (opened) => {
  const main = () => opened.main()
  const client = () => opened.world.client
  const { press, type, goBy, nameOfFocus } = createHands(opened)
  const reach = (name: string, key?: 'Shift+Tab') => tabTo(opened.page, name, key)

  /** What is asked names its command, and has the focus on the answer; on the way out where something would be gone. */
  async function agree(verb: string, command: string) {
    await opened.dialog().getByText(command, { exact: true }).waitFor()
    if ((await nameOfFocus()) !== verb) await reach(verb)
    await press('Enter')
    await opened.dialog().waitFor({ state: 'detached' })
  }

  test('a name is added, taken back, and removed', async () => {
    opened.world.edit('tow.yaml', WITH_DATABASE)
    expect(await opened.world.ship()).toBe(0)
    await opened.signIn()
    const names = async () => (await client().domains.list({})).map(({ host }) => host)
    await goBy('domains of shop stage')
    await main().getByText('to its own address alone').waitFor()
    await reach('Name')
    await type('shop.example.com')
    await press('Enter')
    await agree('Add', 'tow domains add shop.example.com -a shop -e stage')
    await opened.told('shop in stage answers to shop.example.com')
    await press('Shift+Tab', 'u')
    await expect.poll(names).toEqual([])

    await reach('Name')
    await type('shop.example.com')
    await press('Enter')
    await agree('Add', 'tow domains add shop.example.com -a shop -e stage')
    await goBy('domains')
    await main().getByRole('link', { name: 'shop in stage' }).waitFor()
    await reach('Remove shop.example.com')
    await press('Enter')
    await agree('Remove', 'tow domains remove shop.example.com -a shop -e stage')
    await expect.poll(names).toEqual([])
    await opened.page
      .getByRole('status', { name: 'What was done' })
      .getByText('no longer answers')
      .last()
      .waitFor()
    // What had the focus is gone: Tab goes on from where it was.
    await press('Tab')
    expect(await opened.page.evaluate('document.activeElement !== document.body')).toBe(true)
  })

  test('a dump is taken and removed', async () => {
    await goBy('database of shop stage')
    await main().getByText('tow psql shop -e stage').waitFor()
    await reach('Name of the dump')
    await type('demo')
    await press('Enter')
    await agree('Take it', 'tow dumps add demo shop -e stage')
    const states = async () => (await client().dumps.list()).map(({ state }) => state)
    await expect.poll(states, { timeout: 30_000 }).not.toContain('taking')
    await goBy('databases')
    await main().getByRole('button', { name: 'Remove the dump demo' }).waitFor()
    await reach('Remove the dump demo')
    await press('Enter')
    await agree('Remove', 'tow dumps remove demo')
    await main().getByText('There are no dumps').waitFor()
    expect(await states()).toEqual([])
  })

  test('log lines are sent elsewhere, and no more', async () => {
    const url = 'https://127.0.0.1:9/v1/logs'
    const drains = async () => (await client().drains.list({})).map((drain) => drain.url)
    await press('g', 'l')
    await main().getByText('Log lines stay here').waitFor()
    await reach('Address of the receiver')
    await type(url)
    await press('Enter')
    await agree('Send there', `tow drains add ${url} -e stage`)
    await main()
      .getByRole('button', { name: `Stop sending to ${url}` })
      .waitFor()
    expect(await drains()).toEqual([url])
    await reach(`Stop sending to ${url}`)
    await press('Enter')
    const [drain] = await client().drains.list({})
    await agree('Stop', `tow drains remove ${drain!.id} -e stage`)
    await main().getByText('Log lines stay here').waitFor()
    expect(await drains()).toEqual([])
  })
})
