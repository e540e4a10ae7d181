/**
 * Takes the pictures of docs/console from a platform that runs: every page, at 400 and 1400 pixels, light and dark.
 * With pngquant on the machine they come out a third as large; together they stay below 3 MB.
 * Usage: screenshots.ts <folder> [<part of a page's name>]; the platform is the one of $TOW_HOME, e.g. while `npm start`
 * runs. A page shows where that home is, so it is one that anybody might have: TOW_HOME=/srv/towpath.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { defaultHome } from '../src/api/home.ts'
import { createClient } from '../src/client/client.ts'
import { findChromium, NO_CHROMIUM, openChromium } from '../test/chromium.ts'
import { openConsolePage } from '../test/console/world.ts'

const folder = resolve(process.argv[2] ?? 'docs/console')
const wanted = process.argv[3] ?? ''
const home = defaultHome({ env: process.env, uid: process.getuid?.() ?? -1, homedir: homedir() })
const { url, tokenFile } = JSON.parse(await readFile(join(home, 'platform.json'), 'utf8'))
const client = createClient({ url, token: (await readFile(tokenFile, 'utf8')).trim() })
const executable = findChromium()
if (!executable) throw new Error(NO_CHROMIUM)

const rollouts = await client.rollouts.list({ limit: 50 })
const rollout = rollouts.find(({ phase }) => phase === 'failed') ?? rollouts[0]
const apps = await client.apps.list({})
const app = apps.find(({ name }) => name === rollout?.app) ?? apps.at(-1)
const [space] = await client.spaces.list({})
const [build] = await client.builds.list({ limit: 1 })
const place = `/apps/${app?.name}/${app?.environments[0]?.environment}`
const PAGES: [name: string, path: string][] = [
  ['home', '/'],
  ['fleet', '/fleet'],
  ['app', place],
  ['ship', `${place}/ship`],
  ['releases', `${place}/releases`],
  ['config', `${place}/config`],
  ['logs', `${place}/logs`],
  ['runs', `${place}/runs`],
  ...(space
    ? ([
        ['spaces', '/spaces'],
        ['space', `/spaces/${space.name}`],
      ] as [string, string][])
    : []),
  ['rollout', `/rollouts/${rollout?.id}`],
  ['promote', `/promote?apps=${app?.name}`],
  ['timeline', '/timeline'],
  ['builds', '/builds'],
  ['build', `/builds/${build?.id}`],
  ['delivery', '/delivery'],
  ['environments', '/environments'],
  ['domains', '/domains'],
  ['databases', '/databases'],
  ['drains', '/drains'],
  ['people', '/people'],
]
const MOST_BYTES = 3_000_000
const SIZES = [
  { width: 400, height: 860 },
  { width: 1400, height: 900 },
]

mkdirSync(folder, { recursive: true })
const taken: string[] = []
const browser = await openChromium(executable)
const { page, complaints } = await openConsolePage(browser, client, { reducedMotion: 'reduce' })
for (const [name, path] of PAGES.filter(([one]) => one.includes(wanted))) {
  await page.goto(url + path)
  await page.getByRole('heading', { level: 1 }).waitFor()
  await page.getByRole('status', { name: 'Loading' }).first().waitFor({ state: 'detached' })
  await page.waitForTimeout(400)
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    for (const size of SIZES) {
      await page.setViewportSize(size)
      await page.waitForTimeout(250)
      const path = join(folder, `${name}-${size.width}-${colorScheme}.png`)
      await page.screenshot({ path })
      taken.push(path)
    }
  }
}
await browser.close()
spawnSync('pngquant', ['--force', '--ext', '.png', '--skip-if-larger', '64', ...taken], { stdio: 'ignore' })
const bytes = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
if (bytes > MOST_BYTES) complaints.push(`${bytes} bytes of pictures; at most ${MOST_BYTES}`)
process.stdout.write(complaints.length === 0 ? `${folder}\n` : `${complaints.join('\n')}\n`)
