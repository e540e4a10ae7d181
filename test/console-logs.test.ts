/** Logs in the console: 100,000 lines in a page that stays small. */
import { expect, test } from 'vitest'
import { describeConsole } from './console/suite.ts'

const LINES = 100_000
/** Far fewer than lines, far more than a screen shows. */
const MOST_NODES = 2500

const SERVER = `const http = require('node:http')
http.createServer((request, response) => {
  console.error('ERROR asked for ' + request.url)
  response.end('ok')
}).listen(process.env.PORT)
for (let line = 1; line <= ${LINES}; line += 1) {
  if (line === 5000) console.log(JSON.stringify({ level: 'warn', msg: 'a needle of json', deep: { inside: [1, 2] } }))
  else if (line === 70000) console.log('\\u001b[31mred\\u001b[0m needle of colour ' + line)
  else console.log('line ' + line + ' of many')
}
`

describeConsole(
  'logs in the console',
  (opened) => {
    const nodes = () => opened.page.evaluate<number>('document.querySelectorAll("*").length')
    const box = () => opened.page.getByRole('listbox', { name: 'Log lines' })
    const lines = (text: string | RegExp) => opened.page.getByRole('option', { name: text })

    test('100,000 lines are few nodes, wherever one scrolls', async () => {
      const { page, world } = opened
      expect(await world.ship()).toBe(0)
      await opened.signIn()
      await opened.goto('/apps/shop/stage/logs')
      await page.getByLabel('Newest').selectOption(String(LINES))
      await page.getByText('100,000 of 100,000 lines').waitFor({ timeout: 60_000 })
      await lines(`line ${LINES} of many`).waitFor()
      expect(await nodes()).toBeLessThan(MOST_NODES)
      await page.getByRole('button', { name: 'Following' }).click()
      await box().evaluate((element: { scrollTop: number; scrollHeight: number }) => {
        element.scrollTop = element.scrollHeight / 2
      })
      await lines(/line 50\d\d\d of many/)
        .first()
        .waitFor()
      expect(await nodes()).toBeLessThan(MOST_NODES)
    })

    test('a search finds what is anywhere in them, marked, with its colours', async () => {
      const { page } = opened
      await page.getByRole('searchbox').fill('/needle of (json|colour)/')
      await page.getByText('2 of 100,000 lines').waitFor()
      expect(await box().locator('mark').allTextContents()).toEqual(['needle of json', 'needle of colour'])
      expect(await box().locator('[data-colour="1"]').textContent()).toBe('red')
    })

    test('the level filters, and what is JSON is unfolded when it is chosen', async () => {
      const { page } = opened
      await page.getByRole('searchbox').fill('')
      await page.getByLabel('Level').selectOption('warn')
      await lines(/a needle of json/).click()
      const detail = page.getByRole('region', { name: 'The chosen line' })
      expect(await detail.locator('pre').textContent()).toContain('"inside": [\n')
    })

    test('its address shows the line among those around it', async () => {
      const { page } = opened
      const address = page.url()
      await opened.goto('/')
      await page.goto(address.replace('level=warn&', '').replace('level=warn', ''))
      await lines(/line 4999 of many/).waitFor({ timeout: 60_000 })
      await lines(/line 5001 of many/).waitFor()
    })

    test('following shows what is written now, and stops when one reads further up', async () => {
      const { page, world } = opened
      await opened.goto('/apps/shop/stage/logs')
      await page.getByRole('button', { name: 'Following' }).waitFor()
      await lines(`line ${LINES} of many`).waitFor()
      const [place] = (await world.client.apps.get({ app: 'shop' })).environments
      const url = place!.urls.find((one) => new URL(one).hostname === '127.0.0.1')!
      await fetch(`${url}/now`)
      await lines(/ERROR asked for \/now/).waitFor()
      await box().hover()
      await page.mouse.wheel(0, -400)
      await page.getByRole('button', { name: 'Follow', exact: true }).waitFor()
    })
  },
  { server: SERVER },
)
