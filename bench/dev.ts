/**
 * `tow dev` on this machine, as a person feels it: a save, and the new text served by a small Node app through the
 * router, beside nodemon (where it is installed) and `node --watch`; a save among 20,000 files; and a checkout that
 * changes 5,000 of them. `npm run bench -- dev`
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type DevSession, enter, startDev, type Told, untilServed, type Visit } from '../test/dev-session.ts'
import { newPerson, type Person } from '../test/tow.ts'
import { type Figure, printFigures, quantile } from './figures.ts'

const SAVES = 30
const FILES = 20_000
const CHANGED = 5000
const SERVER = `import { createServer } from 'node:http'
import { text } from './text.js'
console.log('begins')
createServer((_, response) => response.end(text)).listen(process.env.PORT)
process.on('SIGTERM', () => process.exit(0))
`
const git = (folder: string, ...parameters: string[]) =>
  execFileSync('git', [
    '-C',
    folder,
    '-c',
    'user.name=Bench',
    '-c',
    'user.email=bench@example.org',
    ...parameters,
  ])
const save = (folder: string, text: string) =>
  writeFileSync(join(folder, 'text.js'), `export const text = '${text}'\n`)

function makeApp(folder: string): void {
  mkdirSync(folder)
  const manifest = { name: 'hello', type: 'module', scripts: { start: 'node server.js' } }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(folder, 'server.js'), SERVER)
  save(folder, 'text 0')
}

/** A save every half second: as quick as a person is, and every watcher has come to rest. */
async function eachSave(folder: string, use: (text: string) => Promise<void>): Promise<void> {
  for (let at = 1; at <= SAVES; at++) {
    await delay(500)
    save(folder, `text ${at}`)
    await use(`text ${at}`)
  }
}

async function measureDev(dev: DevSession, folder: string, visit: Visit): Promise<Figure[]> {
  let failed = 0
  let asked = 0
  let stop = false
  const load = (async () => {
    for (; !stop; await delay(5)) {
      asked++
      const answer = await visit().catch(() => ({ status: 0 }))
      if (answer.status !== 200) failed++
    }
  })()
  const served: number[] = []
  const told: Told[] = []
  await eachSave(folder, async (text) => {
    const begin = performance.now()
    const live = dev.next(({ type }) => type === 'live')
    await untilServed(visit, text)
    served.push(performance.now() - begin)
    told.push(await live)
  })
  stop = true
  await load
  const phase = (name: string) => told.map(({ phases }) => phases![name]!)
  const rest = told.map(({ milliseconds, phases }) => milliseconds! - sum(phases!))
  return [
    { what: 'tow dev: save → new text served', unit: 'ms', values: served, bar: '< 80' },
    { what: '  p95', unit: 'ms', values: [quantile(served, 0.95)] },
    { what: '  told of it, waited for more, looked', unit: 'ms', values: phase('scan') },
    { what: '  written', unit: 'ms', values: phase('write') },
    { what: '  started anew, listening', unit: 'ms', values: phase('restart') },
    { what: '  on the way there and back', unit: 'ms', values: rest },
    { what: `failed of ${asked} requests meanwhile`, unit: '', values: [failed], bar: '0' },
  ]
}

const sum = (phases: Record<string, number>) => Object.values(phases).reduce((total, one) => total + one, 0)

async function measurePeer(what: string, command: string[], folder: string, port: number): Promise<Figure> {
  save(folder, 'text 0')
  const env = { ...process.env, PORT: String(port) }
  const child: ChildProcess = spawn(command[0]!, command.slice(1), { cwd: folder, env, stdio: 'ignore' })
  const values: number[] = []
  try {
    const visit = () => plainGet(port)
    await untilServed(visit, 'text 0')
    await eachSave(folder, async (text) => {
      const begin = performance.now()
      await untilServed(visit, text)
      values.push(performance.now() - begin)
    })
  } finally {
    child.kill()
  }
  return { what, unit: 'ms', values }
}

/** A server that is away answers nothing: `untilServed` asks again. */
function plainGet(port: number): Promise<{ status: number; text: string }> {
  return new Promise((resolve) => {
    get({ host: '127.0.0.1', port, agent: false }, async (response) => {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk as Buffer)
      resolve({ status: 200, text: Buffer.concat(chunks).toString() })
    }).on('error', () => resolve({ status: 0, text: '' }))
  })
}

function installed(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

async function enterApp(dev: DevSession): Promise<Visit> {
  return enter(dev.told.find(({ type }) => type === 'ready')!.links![0]!.url)
}

async function small(person: Person): Promise<void> {
  const folder = join(person.folder, 'hello')
  makeApp(folder)
  const dev = await startDev(person, folder, ['--space', 'small'])
  const figures = await measureDev(dev, folder, await enterApp(dev))
  await dev.interrupt()
  figures.push(await measurePeer('node --watch', [process.execPath, '--watch', 'server.js'], folder, 39_101))
  if (installed('nodemon'))
    figures.push(await measurePeer('nodemon', ['nodemon', '-q', 'server.js'], folder, 39_102))
  else console.log('nodemon is not installed, so it is left out')
  printFigures(`A save of a small Node app, ${SAVES} saves`, figures)
}

async function large(person: Person): Promise<void> {
  const folder = join(person.folder, 'large')
  makeApp(folder)
  for (let at = 0; at < FILES; at++) {
    const place = join(folder, 'data', String(Math.floor(at / 100)))
    if (at % 100 === 0) mkdirSync(place, { recursive: true })
    writeFileSync(join(place, `${at}.txt`), `file ${at} of main\n`)
  }
  git(folder, 'init', '-q', '-b', 'main')
  git(folder, 'add', '-A')
  git(folder, 'commit', '-qm', 'Begin')
  git(folder, 'checkout', '-qb', 'other')
  for (let at = 0; at < CHANGED; at++) {
    writeFileSync(join(folder, 'data', String(Math.floor(at / 100)), `${at}.txt`), `file ${at} of another\n`)
  }
  git(folder, 'commit', '-qam', 'Change 5,000')
  git(folder, 'checkout', '-q', 'main')
  const dev = await startDev(person, folder, ['--space', 'large'])
  const visit = await enterApp(dev)
  const found: number[] = []
  const served: number[] = []
  await eachSave(folder, async (text) => {
    const begin = performance.now()
    const live = dev.next(({ type }) => type === 'live')
    await untilServed(visit, text)
    served.push(performance.now() - begin)
    found.push((await live).phases!.scan!)
  })
  git(folder, 'checkout', '-q', '--', '.')
  await untilServed(visit, 'text 0')
  const equal: number[] = []
  const restarts: number[] = []
  for (const branch of ['other', 'main', 'other']) {
    await delay(1000)
    const from = dev.told.length
    const live = dev.next(({ type, files }) => type === 'live' && files! > 0)
    const begin = performance.now()
    git(folder, 'checkout', '-q', branch)
    await live
    // Until nothing more comes of it.
    await delay(6000)
    const told = dev.told.slice(from)
    const lives = told.filter(({ type }) => type === 'live')
    const files = lives.reduce((total, one) => total + one.files!, 0)
    if (files < CHANGED) throw new Error(`only ${files} files came`)
    equal.push(lives.at(-1)!.heardAt - performance.timeOrigin - begin)
    restarts.push(told.filter(({ type, text }) => type === 'log' && text === 'begins').length)
  }
  const status = readFileSync(`/proc/${dev.child.pid}/status`, 'utf8')
  const megabytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)![1]) / 1024
  await dev.interrupt()
  printFigures(`${FILES} files`, [
    { what: 'a save: told of it, waited for more, looked', unit: 'ms', values: found, bar: '< 100' },
    { what: 'a save → new text served', unit: 'ms', values: served },
    { what: 'memory of tow dev, after all of this', unit: 'MB', values: [megabytes('VmRSS')], bar: '< 200' },
    { what: 'the most that it was', unit: 'MB', values: [megabytes('VmHWM')] },
    { what: `git checkout of ${CHANGED} files → equal`, unit: 'ms', values: equal, bar: '< 5000' },
    { what: 'starts of the app for it', unit: '', values: restarts, bar: '1' },
  ])
}

const person = await newPerson()
try {
  await small(person)
  await large(person)
} finally {
  await person.leave()
}
