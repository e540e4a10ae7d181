/** Domains, databases, dumps and drains in the console, and the ways back from what was cancelled: by mouse. */

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { describeConsole } from './console/suite.ts'
import { WITH_DATABASE } from './console/world.ts'

/** A build that goes on until somebody ends it. */
const ENDLESS = WITH_DATABASE.replace(
  '    processes:',
  `    build: { command: "node -e 'setInterval(() => {}, 1000)'" }\n    processes:`,
)

describeConsole('things of an app in the console', (opened) => {
  const main = () => opened.main()
  const client = () => opened.world.client
  const agree = (verb: string, command: string) => opened.agree(verb, command)
  const told = (text: string) => opened.told(text)
  const undo = (name: string) => opened.undo(name)
  const names = async () => (await client().domains.list({})).map(({ host }) => host)

  test('without any, each page says what it is for', async () => {
    await opened.signIn()
    for (const [path, words] of [
      ['/domains', 'No app answers to a name of your own'],
      ['/databases', 'There are no dumps'],
      ['/drains', 'Log lines stay here'],
    ] as const) {
      await opened.goto(path)
      await main().getByText(words).waitFor()
    }
  })

  test('a name is added to an app', async () => {
    opened.world.edit('tow.yaml', WITH_DATABASE)
    expect(await opened.world.ship()).toBe(0)
    await opened.goto('/apps/shop/stage')
    await opened.page
      .getByRole('navigation', { name: 'About the app' })
      .getByRole('link', { name: 'Domains' })
      .click()
    await main().getByText('to its own address alone').waitFor()
    await main().getByLabel('Name').fill('Shop.Example.com')
    await main().getByRole('button', { name: 'Add…' }).click()
    await agree('Add', 'tow domains add Shop.Example.com -a shop -e stage')
    await told('shop in stage answers to shop.example.com')
    expect(await names()).toEqual(['shop.example.com'])
  })

  test('the undo takes it away, removing it too, and the undo of that brings it back', async () => {
    await undo('Undo')
    await main().getByText('to its own address alone').waitFor()
    expect(await names()).toEqual([])
    await main().getByLabel('Name').fill('shop.example.com')
    await main().getByRole('button', { name: 'Add…' }).click()
    await agree('Add', 'tow domains add shop.example.com -a shop -e stage')
    await opened.goto('/domains?app=shop')
    await main().getByRole('link', { name: 'shop in stage' }).waitFor()
    // What is still to be done for it elsewhere is told.
    await main().getByText('needs somebody').last().waitFor()
    await main().getByRole('button', { name: 'Remove shop.example.com' }).click()
    await agree('Remove', 'tow domains remove shop.example.com -a shop -e stage')
    await told('no longer answers to shop.example.com')
    await undo('Add it again')
    await main().getByRole('button', { name: 'Remove shop.example.com' }).waitFor()
    expect(await names()).toEqual(['shop.example.com'])
  })

  test('a name that cannot be one is refused where it was typed', async () => {
    await opened.goto('/apps/shop/stage/domains')
    await main().getByLabel('Name').fill('*.example.com')
    await main().getByRole('button', { name: 'Add…' }).click()
    await opened.dialog().getByRole('button', { name: 'Add', exact: true }).click()
    await opened.dialog().getByRole('alert').waitFor()
    await opened.page.keyboard.press('Escape')
    expect(opened.complaints.splice(0)).toEqual([
      expect.stringContaining('400'),
      expect.stringContaining('400'),
    ])
  })

  test('a dump of an app’s database is taken, is seen as it comes, and is removed', async () => {
    await opened.goto('/apps/shop/stage/database')
    const [database] = await client().needs.list()
    await main().getByText(database!.database, { exact: true }).waitFor()
    await main().getByText('tow psql shop -e stage').waitFor()
    await main().getByLabel('Name of the dump').fill('demo')
    await main().getByRole('button', { name: 'Take…' }).click()
    await agree('Take it', 'tow dumps add demo shop -e stage')
    await told('The dump demo of shop is being taken')
    const state = async () => (await client().dumps.list())[0]?.state
    await expect.poll(state, { timeout: 30_000 }).not.toBe('taking')
    await opened.goto('/databases')
    const [dump] = await client().dumps.list()
    // As its pg_dump allows: it has to be as new as the server.
    await main()
      .getByText(dump!.state === 'ready' ? 'tow spaces add mine --apps shop --from-dump demo' : 'failed')
      .first()
      .waitFor()
    await main().getByRole('button', { name: 'Remove the dump demo' }).click()
    await agree('Remove', 'tow dumps remove demo')
    await main().getByText('There are no dumps').waitFor()
  })

  test('log lines are sent elsewhere, what lets in there is shown nowhere, and the undo ends it', async () => {
    const seen: (string | undefined)[] = []
    const receiver = createServer((request, response) => {
      seen.push(request.headers['x-key'] as string | undefined)
      request.resume().on('end', () => response.end('{}'))
    }).listen(0, '127.0.0.1')
    await once(receiver, 'listening')
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/v1/logs`
    await opened.goto('/drains')
    await main().getByLabel('Address of the receiver').fill(url)
    await main().getByLabel('Header, if it wants one').fill('X-Key')
    await main().getByLabel('Its value').fill('open-sesame')
    await main().getByRole('button', { name: 'Send there…' }).click()
    await agree('Send there', `tow drains add ${url} -e stage --header X-Key=-`)
    await client().processes.restart({ app: 'shop', environment: 'stage' })
    await main()
      .getByText(/[1-9]\d* lines? sent/)
      .waitFor({ timeout: 60_000 })
    expect(seen).toContain('open-sesame')
    expect(await main().textContent()).not.toContain('open-sesame')
    await main()
      .getByRole('button', { name: `Stop sending to ${url}` })
      .click()
    const [drain] = await client().drains.list({})
    await agree('Stop', `tow drains remove ${drain!.id} -e stage`)
    await main().getByText('Log lines stay here').waitFor()
    receiver.closeAllConnections()
    receiver.close()
  })

  test('a build that was cancelled is built again by the undo, and that is stopped by its own', async () => {
    opened.world.edit('tow.yaml', ENDLESS)
    const shipped = opened.world.ship()
    const running = async () =>
      (await client().builds.list({ app: 'shop' })).find(({ state }) => state === 'running')?.id
    await expect.poll(running, { timeout: 60_000 }).toBeTruthy()
    const first = (await running())!
    await opened.goto(`/builds/${first}`)
    await main().getByRole('button', { name: 'Cancel…' }).click()
    await agree('Cancel the build', `tow builds cancel ${first}`)
    await told('The build of shop is cancelled')
    expect(await shipped).not.toBe(0)
    await undo('Build again')
    await told('Shipping shop to stage again')
    await expect.poll(running, { timeout: 60_000 }).toBeTruthy()
    const second = await client().builds.get({ id: (await running())! })
    expect(second.id).not.toBe(first)
    expect(second.tree).toBe((await client().builds.get({ id: first })).tree)
    await undo('Stop')
    await told('Stopped shipping shop to stage')
    await expect
      .poll(async () => (await client().builds.get({ id: second.id })).state, { timeout: 30_000 })
      .toBe('cancelled')
  })
})
