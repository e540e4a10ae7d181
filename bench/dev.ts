/**
 * A save of a small Node app of 203 files until its new text is served, through the router, with `tow dev` on this
 * machine; beside nodemon (where npx has it) and `node --watch`. And one save among 20,000 files; and 5,000 files at once.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { Agent, get } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { newPerson } from '../test/tow.ts'
import { printFigures } from './figures.ts'

const SAVES = 30
const MAIN = new URL('../src/cli/main.ts', import.meta.url).pathname
const SERVER = `
import { createServer } from 'node:http'
import { text } from './text.js'
createServer((request, response) => response.end(text)).listen(process.env.PORT, '127.0.0.1')
`
const textOf = (value: string) => `export const text = '${value}'\n`
const person = await newPerson()
const agent = new Agent({ keepAlive: true })
let failed = 0

async function write(folder: string, files: number): Promise<void> {
  await mkdir(join(folder, 'lib'), { recursive: true })
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({ type: 'module', scripts: { start: 'node server.js' } }),
  )
  await writeFile(join(folder, 'server.js'), SERVER)
  await writeFile(join(folder, 'text.js'), textOf('0'))
  for (let index = 0; index < files; index++) {
    if (index % 200 === 0)
      await mkdir(join(folder, 'lib', String(Math.floor(index / 200))), { recursive: true })
    await writeFile(
      join(folder, 'lib', String(Math.floor(index / 200)), `${index}.js`),
      `export default ${index}\n`,
    )
  }
}

interface Place {
  port: string
  headers: Record<string, string>
}

function ask({ port, headers }: Place): Promise<string> {
  return new Promise((resolve) => {
    get({ host: '127.0.0.1', port, headers, agent }, (answer) => {
      let body = ''
      answer
        .on('data', (data) => (body += data))
        .on('end', () => {
          if (answer.statusCode !== 200) failed++
          resolve(body)
        })
    }).on('error', () => resolve(''))
  })
}

async function saves(folder: string, place: Place): Promise<number[]> {
  const took: number[] = []
  for (let run = 1; run <= SAVES; run++) {
    const text = `text ${run}`
    await sleep(300)
    const begin = performance.now()
    await writeFile(join(folder, 'text.js'), textOf(text))
    while ((await ask(place)) !== text) await sleep(2)
    took.push(performance.now() - begin)
  }
  return took
}

interface Dev {
  child: ChildProcess
  lives(): { files: number; milliseconds: number; phases: Record<string, number> }[]
}

async function dev(folder: string, space: string): Promise<Dev> {
  const child = spawn(process.execPath, [MAIN, 'dev', '--json', '--space', space], {
    cwd: folder,
    env: { ...process.env, CI: 'true', TOW_HOME: person.home },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let errors = ''
  child.stdout.on('data', (data) => (output += data))
  child.stderr.on('data', (data) => (errors += data))
  while (!errors.includes('Live in')) {
    if (child.exitCode !== null) throw new Error(errors)
    await sleep(20)
  }
  await sleep(3000)
  const rows = () =>
    output
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line))
  return { child, lives: () => rows().filter((row) => row.type === 'live') }
}

async function placeOf(space: string): Promise<Place> {
  const { stdout } = await person.tow(['spaces', 'show', space])
  const link = new URL(/http:\S+tow-preview=\S+/.exec(stdout)![0])
  return {
    port: link.port,
    headers: { host: link.host, 'tow-preview': link.searchParams.get('tow-preview')! },
  }
}

async function peer(folder: string, command: string, port: string): Promise<number[]> {
  await writeFile(join(folder, 'text.js'), textOf('0'))
  const child = spawn('sh', ['-c', `exec ${command}`], {
    cwd: folder,
    env: { ...process.env, PORT: port },
    detached: true,
  })
  const place = { port, headers: {} }
  while ((await ask(place)) !== '0') await sleep(20)
  await sleep(1500)
  const took = await saves(folder, place)
  process.kill(-child.pid!, 'SIGKILL')
  return took
}

async function ended({ child }: Dev): Promise<void> {
  child.kill('SIGINT')
  while (child.exitCode === null) await sleep(20)
}

try {
  const small = join(person.folder, 'small')
  await write(small, 200)
  const first = await dev(small, 'small')
  const served = await saves(small, await placeOf('small'))
  const phases = first.lives().slice(-SAVES)
  const phase = (name: string) => phases.map((live) => live.phases[name] ?? 0)
  const failures = failed
  await ended(first)
  const figures = [
    { what: 'save → new text served, tow dev', unit: 'ms', values: served, bar: '< 80' },
    { what: '  event and scan', unit: 'ms', values: phase('scan') },
    { what: '  write', unit: 'ms', values: phase('write') },
    { what: '  restart until it listens', unit: 'ms', values: phase('restart') },
    { what: '  requests that failed', unit: '', values: [failures], bar: '0' },
    { what: 'node --watch', unit: 'ms', values: await peer(small, 'node --watch server.js', '39101') },
  ]
  if (spawnSync('nodemon', ['--version']).status === 0) {
    figures.push({ what: 'nodemon', unit: 'ms', values: await peer(small, 'nodemon -q server.js', '39102') })
  }
  printFigures(`${SAVES} saves of a small Node app, asked every 2 ms`, figures)

  const large = join(person.folder, 'large')
  await write(large, 20_000)
  const watching = await dev(large, 'large')
  const place = await placeOf('large')
  const times = (await saves(large, place)).slice(0, SAVES)
  const status = await readFile(`/proc/${watching.child.pid}/status`, 'utf8').catch(() => '')
  const resident = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024
  const scans = watching
    .lives()
    .slice(-SAVES)
    .map((live) => live.phases.scan ?? 0)
  const before = watching.lives().length
  const begin = performance.now()
  for (let index = 0; index < 5000; index++) {
    await writeFile(
      join(large, 'lib', String(Math.floor(index / 200)), `${index}.js`),
      `export default -${index}\n`,
    )
  }
  const written = performance.now()
  const isAll = () =>
    watching
      .lives()
      .slice(before)
      .reduce((sum, live) => sum + live.files, 0) >= 5000
  while (!isAll()) await sleep(10)
  const equal = performance.now()
  const restarts = watching.lives().length - before
  await ended(watching)
  printFigures('20,000 files', [
    { what: 'one save → found', unit: 'ms', values: scans, bar: '< 100' },
    { what: 'one save → new text served', unit: 'ms', values: times },
    { what: 'memory of tow dev', unit: 'MB', values: [resident], bar: '< 200' },
    { what: '5,000 files written', unit: 'ms', values: [written - begin] },
    { what: 'from the last of them until equal', unit: 'ms', values: [equal - written], bar: '< 5000' },
    { what: 'deliveries for them', unit: '', values: [restarts], bar: '1' },
  ])
} finally {
  await person.leave()
}
