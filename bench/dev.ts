/**
 * `tow dev` on this machine, as a person feels it: a save, and the new text served by a small Node app through the
 * router, beside nodemon and `node --watch`; a save among 20,000 files; a checkout that changes 5,000 of them; and what a
 * spare process would give. `npm run bench -- dev`
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type DevSession, enter, startDev, type Told, untilServed, type Visit } from '../test/dev-session.ts'
import { newPerson, type Person } from '../test/tow.ts'
import { askAlways, eachSave, makeApp, SAVES, save, sum } from './dev/app.ts'
import { type Figure, printFigures, quantile } from './figures.ts'
import { measureSpare } from './spare.ts'

const FILES = 20_000
const CHANGED = 5000
const BUILDS = 10
const NODEMON = '3.1.10'
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
/** A build input changes with the source: what is built takes the place of what ran. */
async function measureBuilds(dev: DevSession, folder: string, visit: Visit): Promise<Figure[]> {
  const end = askAlways(visit)
  const served: number[] = []
  const file = join(folder, 'package.json')
  for (let at = 1; at <= BUILDS; at++) {
    await delay(1000)
    const built = dev.next(({ type }) => type === 'built')
    const begin = performance.now()
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), version: `1.0.${at}` }))
    save(folder, `built ${at}`)
    await untilServed(visit, `built ${at}`)
    served.push(performance.now() - begin)
    await built
  }
  const { asked, failed } = await end()
  return [
    { what: 'a changed build input → new text served', unit: 'ms', values: served },
    { what: `failed of ${asked} requests meanwhile`, unit: '', values: [failed], bar: '0' },
  ]
}

async function measureDev(dev: DevSession, folder: string, visit: Visit): Promise<Figure[]> {
  const end = askAlways(visit)
  const served: number[] = []
  const told: Told[] = []
  await eachSave(folder, async (text) => {
    const begin = performance.now()
    const live = dev.next(({ type }) => type === 'live')
    await untilServed(visit, text)
    served.push(performance.now() - begin)
    told.push(await live)
  })
  const { asked, failed } = await end()
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

/** Fetched for the measurement alone; null where there is no way to it. */
function fetchNodemon(folder: string): string | null {
  try {
    mkdirSync(folder)
    const parameters = ['install', '--no-audit', '--no-fund', '--prefix', folder, `nodemon@${NODEMON}`]
    execFileSync('npm', parameters, { stdio: 'ignore' })
    return join(folder, 'node_modules/nodemon/bin/nodemon.js')
  } catch {
    return null
  }
}

async function enterApp(dev: DevSession): Promise<Visit> {
  return enter(dev.told.find(({ type }) => type === 'ready')!.links![0]!.url)
}

async function small(person: Person): Promise<void> {
  const folder = join(person.folder, 'hello')
  makeApp(folder)
  const dev = await startDev(person, folder, ['--space', 'small'])
  const visit = await enterApp(dev)
  const figures = await measureDev(dev, folder, visit)
  const builds = await measureBuilds(dev, folder, visit)
  await dev.interrupt()
  const peer = async (what: string, command: string[], port: number) => {
    try {
      figures.push(await measurePeer(what, command, folder, port))
    } catch (error) {
      console.log(`${what} is left out: ${(error as Error).message}`)
    }
  }
  await peer('node --watch', [process.execPath, '--watch', 'server.js'], 39_101)
  const nodemon = fetchNodemon(join(person.folder, 'nodemon'))
  if (nodemon) {
    const command = [process.execPath, nodemon, '-q', 'server.js']
    await peer(`nodemon ${NODEMON}`, command, 39_102)
  } else console.log('nodemon can’t be installed here, so it is left out')
  printFigures(`A save of a small Node app, ${SAVES} saves`, figures)
  printFigures(`A changed build input, ${BUILDS} times`, builds)
  printFigures('A life begun before its turn', await measureSpare(folder))
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
