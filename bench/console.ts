/** The console over 1,000 apps in 3 environments: first useful paint, how long interactions take, a flood of events. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import type { Page } from 'playwright-core'
import { openConsole } from '../src/platform/console-folder.ts'
import { openDatabase } from '../src/platform/kernel/database.ts'
import { startPostgres } from '../src/platform/kernel/postgres/postgres.ts'
import { findChromium, NO_CHROMIUM, openChromium } from '../test/chromium.ts'
import { openConsolePage } from '../test/console/world.ts'
import { openWholePlatform, type WholePlatform } from '../test/whole-platform.ts'
import { printFigures } from './figures.ts'

const APPS = 1000
const LOADS = 5
const FLOOD_SECONDS = 12
const EVENTS_A_MINUTE = 10_000
const AT_ONCE = 100
/** When the first rows were painted: the frame after they are there. */
const WATCH_ROWS = `const look = () => document.querySelector('main [data-row]')
  ? requestAnimationFrame(() => { window.rowsAt = performance.now() }) : requestAnimationFrame(look)
  requestAnimationFrame(look)`

const executable = findChromium()
if (!executable) {
  console.log(NO_CHROMIUM)
  process.exit(0)
}
const consoleFolder = openConsole()
await consoleFolder()
const home = await mkdtemp(join(tmpdir(), 'tow-bench-'))
const postgres = await startPostgres({
  folder: join(home, 'postgres'),
  name: 'the benchmark’s PostgreSQL',
  onLog: () => {},
})
const opened = openDatabase({ connection: postgres.connection })
const database = { database: opened, db: opened.db, close: () => opened.close() }
const platform = await openWholePlatform({ still: true, database, consoleFolder })
const browser = await openChromium(executable)
try {
  await platform.client.environments.add({ name: 'test', engine: 'local', before: 'stage' })
  await seed(platform)
  const calls: number[] = []
  for (let call = 0; call < LOADS; call += 1) {
    const begin = performance.now()
    await platform.client.apps.list({})
    calls.push(performance.now() - begin)
  }
  console.log(`the call: ${calls.map((one) => Math.round(one)).join(', ')} ms`)
  const paints: number[] = []
  const useful: number[] = []
  for (let load = 0; load < LOADS; load += 1) {
    const { page } = await openConsolePage(browser, platform.client)
    await page.addInitScript(WATCH_ROWS)
    await page.goto(`${platform.url}/fleet`)
    await page.getByRole('link', { name: 'app-1', exact: true }).waitFor()
    const paint = `performance.getEntriesByName('first-contentful-paint')[0].startTime`
    paints.push(await page.evaluate<number>(paint))
    useful.push(await page.evaluate<number>('rowsAt'))
    await page.context().close()
  }
  const { page } = await openConsolePage(browser, platform.client)
  await page.goto(`${platform.url}/fleet`)
  await page.getByRole('link', { name: 'app-1', exact: true }).waitFor()
  const seen = await interact(page)
  const slowest = seen.toSorted((one, other) => other[0] - one[0]).slice(0, 3)
  console.log(`the slowest interactions: ${slowest.map(([took, what]) => `${what} ${took} ms`).join(', ')}`)
  const { gaps, written, seconds } = await flood(page)
  printFigures(`${APPS} apps in 3 environments`, [
    { what: 'first contentful paint of the fleet', unit: 'ms', values: paints, bar: '< 500' },
    { what: 'its rows are there to be read', unit: 'ms', values: useful, bar: '< 500' },
    {
      what: 'interactions: search, choose, palette, scroll',
      unit: 'ms',
      values: seen.map(([took]) => took),
      bar: '< 100',
    },
    {
      what: `longest frame in each second, ${written} events in ${seconds} s`,
      unit: 'ms',
      values: gaps,
      bar: '< 100',
    },
  ])
} finally {
  await browser.close()
  await platform.close()
  await postgres.stop()
  await rm(home, { recursive: true, force: true })
}

/** Rows as deliveries leave them: three releases everywhere, of which the last serves. */
async function seed({ database: { db } }: WholePlatform): Promise<void> {
  const places = sql`(select 'app-' || i as app, e as environment, i
    from generate_series(1, ${sql.lit(APPS)}) i, unnest(array['test', 'stage', 'prod']) e) place`
  const run = { processes: { web: { command: 'true', bootSeconds: 5, graceSeconds: 1, surgePercent: 25 } } }
  const run_ = JSON.stringify({ ...run, crons: {}, variables: {}, needs: [] })
  await sql`insert into apps select 'app-' || i, null, now() from generate_series(1, ${sql.lit(APPS)}) i`.execute(
    db,
  )
  await sql`insert into releases
    select app || environment || n, app, environment, n, 'ship', 'Ship', md5(app || n + (environment = 'prod')::int), '{}',
      'ada', now() - interval '1 hour' * (4 - n), ${run_}::jsonb, '{}', '{}', '[]', '{}'
    from ${places}, generate_series(1, 3) n`.execute(db)
  await sql`insert into release_states select id, app, environment, number, case number when 3 then 'live' else 'replaced' end,
    created_at, null from releases`.execute(db)
  await sql`insert into release_numbers select app, environment, 3, 0 from ${places}`.execute(db)
  await sql`insert into targets select app, environment, 1,
    '{"sets":[{"release":3,"counts":{"web":1}}],"weights":{"v3":1},"crons":3,"restarts":{}}', 3, '{}', '{}', 1, false, 0
    from ${places}`.execute(db)
}

/** Milliseconds from each input to the next paint, as the browser itself measures them, and what it was. */
async function interact(page: Page): Promise<[took: number, what: string][]> {
  await page.evaluate(`window.seen = []
    new PerformanceObserver((list) => {
      for (const one of list.getEntries())
        if (one.interactionId) seen.push([one.duration, one.name + ' on ' + (one.target?.className || one.target?.nodeName)])
    }).observe({ type: 'event', durationThreshold: 16, buffered: false })`)
  await page.getByRole('searchbox').pressSequentially('app-77', { delay: 150 })
  await page.getByRole('checkbox', { name: 'Choose app-77', exact: true }).click()
  await page.getByRole('searchbox').fill('')
  await page.keyboard.press('Control+k')
  await page.keyboard.type('app-501 pro', { delay: 150 })
  await page.keyboard.press('Escape')
  await page.keyboard.press('End')
  await page.waitForTimeout(1000)
  return page.evaluate<[number, string][]>('seen')
}

/** The longest time between two frames, for each second of the flood. */
async function flood(page: Page): Promise<{ gaps: number[]; written: number; seconds: number }> {
  await page.evaluate(`window.gaps = []; window.last = performance.now()
    window.frame = () => { const now = performance.now(); gaps.push([now, now - last]); last = now; requestAnimationFrame(frame) }
    requestAnimationFrame(frame)`)
  const begin = Date.now()
  const every = (60_000 * AT_ONCE) / EVENTS_A_MINUTE
  const all = (FLOOD_SECONDS * EVENTS_A_MINUTE) / 60
  let written = 0
  while (written < all) {
    await platform.database.database.change({ name: 'ada' }, async (change) => {
      for (let index = 0; index < AT_ONCE; index += 1) {
        const app = `app-${1 + Math.floor(Math.random() * APPS)}`
        change.event({ kind: 'config.changed', app, environment: 'stage', message: `Set X of ${app}` })
      }
    })
    written += AT_ONCE
    const next = begin + (written / AT_ONCE) * every
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - Date.now())))
  }
  const seconds = Math.round((Date.now() - begin) / 1000)
  const gaps = await page.evaluate<[number, number][]>('gaps')
  const bySecond = Map.groupBy(gaps.slice(2), ([at]) => Math.floor(at / 1000))
  const longest = [...bySecond.values()].map((mine) => Math.max(...mine.map(([, gap]) => gap)))
  return { gaps: longest, written, seconds }
}
