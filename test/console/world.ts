/** A real platform on this machine with an app in it, and a real browser signed in to its console. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { type Client, createClient } from '../../src/client/client.ts'
import { must, runGit } from '../git-world.ts'
import { newPerson, type Person } from '../tow.ts'

const SERVER = `const http = require('node:http')
const words = process.env.GREETING ?? 'hello'
http.createServer((request, response) => {
  console.log(JSON.stringify({ level: 'info', msg: 'asked', path: request.url, took: 3 }))
  response.end(words)
}).listen(process.env.PORT, () => console.log('\\u001b[32mlistening\\u001b[0m with ' + words))
for (let line = 1; line <= 300; line += 1) console.log('line ' + line + ' of the beginning')
console.warn('WARN the needle in the haystack')
`
const FILES = {
  'tow.yaml': `version: 1
apps:
  shop:
    processes:
      web: { command: node server.cjs }
    crons:
      nightly: { schedule: "0 3 * * *", command: node -e 0 }
    env:
      GREETING: { default: hello }
`,
  'package.json': JSON.stringify({ name: 'shop', private: true }),
}

/** Its `tow.yaml`, where it is to have a database too. */
export const WITH_DATABASE = FILES['tow.yaml'].replace(
  '    processes:',
  '    needs: [postgres]\n    processes:',
)

export const BROKEN = `console.error('ERROR the database said no')\nprocess.exit(3)\n`

export interface World {
  person: Person
  client: Client
  project: string
  edit(path: string, text: string): void
  server: string
  ship(): Promise<number>
  /** Commits what is there, and pushes it as a branch that is not shipped. */
  push(branch: string, subject: string): Promise<void>
  close(): Promise<void>
}

/** `server`: what the app runs. */
export async function openWorld(server = SERVER): Promise<World> {
  const person = await newPerson()
  const project = join(person.folder, 'shop')
  const edit = (path: string, text: string) => {
    mkdirSync(dirname(join(project, path)), { recursive: true })
    writeFileSync(join(project, path), text)
  }
  for (const [path, text] of Object.entries({ ...FILES, 'server.cjs': server })) edit(path, text)
  const up = await person.tow(['up'])
  if (up.exit !== 0) throw new Error(up.stderr)
  const { url, tokenFile } = JSON.parse(await readFile(join(person.home, 'platform.json'), 'utf8'))
  const client = createClient({ url, token: (await readFile(tokenFile, 'utf8')).trim() })
  return {
    ...{ person, client, project, edit, server },
    ship: async () => (await person.tow(['ship'], { cwd: project })).exit,
    async push(branch, subject) {
      const git = (...parameters: string[]) => must(runGit(project, parameters))
      if (!existsSync(join(project, '.git'))) {
        await git('init', '-q', '-b', 'main')
        const { exit, stderr } = await person.tow(['git', 'remote'], { cwd: project })
        if (exit !== 0) throw new Error(stderr)
      }
      await git('add', '-A')
      await git('commit', '-qm', subject)
      await git('push', 'tow', `HEAD:refs/heads/${branch}`)
    },
    close: () => person.leave(),
  }
}

export interface Watched {
  page: Page
  /** Everything that the console complained about, and every request that failed. */
  complaints: string[]
}

/** A page of a browser that nobody is signed in with. */
export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width: 1400, height: 900 }, ...options })
  context.setDefaultTimeout(20_000)
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('response', (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`)
  })
  page.on('requestfailed', (request) => {
    // A stream that a page ends itself has not failed.
    const isOurs = request.failure()?.errorText === 'net::ERR_ABORTED'
    if (!isOurs) complaints.push(`${request.failure()?.errorText} ${request.url()}`)
  })
  return { page, complaints }
}

/** Signed in as whoever started the platform. */
export async function openConsolePage(
  browser: Browser,
  client: Client,
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const watched = await openPage(browser, options)
  await signIn(watched.page, client)
  return watched
}

/** As `tow open --console` does. */
export async function signIn(page: Page, client: Client): Promise<void> {
  const { path, code } = await client.signIn.browser()
  await page.goto(`${client.url}${path}?code=${code}`)
  await page.getByRole('heading', { name: /Hello/ }).waitFor()
}
