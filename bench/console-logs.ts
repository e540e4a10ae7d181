/** 100,000 log lines in the console: until they are there, how smoothly they scroll, and how fast a search answers. */
import { openConsole } from '../src/platform/console-folder.ts'
import { findChromium, NO_CHROMIUM, openChromium } from '../test/chromium.ts'
import { openConsolePage, openWorld } from '../test/console/world.ts'
import { printFigures, quantile } from './figures.ts'

const LINES = 100_000
const TURNS = 150
const SERVER = `require('node:http').createServer((_, response) => response.end('ok')).listen(process.env.PORT)
for (let line = 1; line <= ${LINES}; line += 1) {
  if (line % 3 === 0) console.log(JSON.stringify({ level: 'info', msg: 'asked', path: '/things/' + line, took: line % 97 }))
  else console.log('\\u001b[32mline\\u001b[0m ' + line + ' of many, with some words of what happened')
}
`

const executable = findChromium()
if (!executable) {
  console.log(NO_CHROMIUM)
  process.exit(0)
}
await openConsole()()
const world = await openWorld(SERVER)
const browser = await openChromium(executable)
try {
  if ((await world.ship()) !== 0) throw new Error('the app with the lines was not shipped')
  const { page } = await openConsolePage(browser, world.client)
  await page.goto(`${world.client.url}/apps/shop/stage/logs`)
  const begin = performance.now()
  await page.getByLabel('Newest').selectOption(String(LINES))
  await page.getByText('100,000 of 100,000 lines').waitFor({ timeout: 120_000 })
  const read = performance.now() - begin
  await page.evaluate(`window.gaps = []; window.last = performance.now()
    window.frame = () => { const now = performance.now(); gaps.push(now - last); last = now; requestAnimationFrame(frame) }
    requestAnimationFrame(frame)
    window.seen = []
    new PerformanceObserver((list) => { for (const one of list.getEntries()) if (one.interactionId) seen.push(one.duration) })
      .observe({ type: 'event', durationThreshold: 16 })`)
  await page.getByRole('listbox', { name: 'Log lines' }).hover()
  await page.evaluate('gaps.length = 0')
  for (let turn = 0; turn < TURNS; turn += 1) {
    await page.mouse.wheel(0, turn % 10 === 0 ? -20_000 : -600)
    await page.waitForTimeout(16)
  }
  const gaps = await page.evaluate<number[]>('gaps.slice(2)')
  await page.getByRole('searchbox').pressSequentially('things/99', { delay: 200 })
  await page.getByText(/^\d+ of 100,000 lines/).waitFor()
  const seen = await page.evaluate<number[]>('seen')
  printFigures(`${LINES.toLocaleString('en')} log lines`, [
    { what: 'until all are there', unit: 'ms', values: [read] },
    { what: 'frames while scrolling', unit: 'ms', values: gaps, bar: '< 50' },
    { what: 'of them, 99 in 100 within', unit: 'ms', values: [quantile(gaps, 0.99)], bar: '< 33' },
    { what: 'a letter in the search', unit: 'ms', values: seen, bar: '< 100' },
  ])
} finally {
  await browser.close()
  await world.close()
}
