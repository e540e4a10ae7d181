/**
 * One app writes 100 MB of log lines a second while another serves: what the other notices, whether its own log is
 * whole, and whether the flood's policy holds: every line kept or counted. Once for each policy.
 * `node bench/logs.ts [seconds]`
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { App } from '../src/api/apps.ts'
import { type LogLine, LogQuery } from '../src/api/logs.ts'
import { readLogs } from '../src/runner/protocol.ts'
import { openIntake } from '../src/runner/shim/intake.ts'
import { openSegments } from '../src/runner/shim/segments.ts'
import type { LogPolicy } from '../src/runner/shim/spec.ts'
import { newPerson } from '../test/tow.ts'
import { load, percentile } from './router/load.ts'

const SERVER = `
const { createServer } = require('node:http')
const { writeSync } = require('node:fs')
let lines = 0, requests = 0
const state = { lines: 0, bytes: 0, seconds: 0, over: true, pid: process.pid, shim: process.ppid }
const ROW = 'flood 000000000 ' + 'x'.repeat(100) + '\\n'
// Written over again and again: a flood must cost its writer as little as it can.
const block = Buffer.from(ROW.repeat(900))
function next() {
  for (let at = 6; at < block.length; at += ROW.length) block.latin1Write(String(lines++).padStart(9, '0'), at)
  return block
}
function write(bytes) {
  for (let at = 0; at < bytes.length; ) {
    try { at += writeSync(1, bytes, at) } catch (error) { if (error.code !== 'EAGAIN') throw error }
  }
}
function flood(until, started) {
  // A megabyte every ten milliseconds: a hundred a second, where nothing holds it up.
  const due = (Date.now() - started) * 1e5
  for (let n = 0; state.bytes < due && n < 20; n++) {
    write(next())
    state.bytes += block.length
  }
  state.lines = lines
  state.seconds = (Date.now() - started) / 1000
  if (Date.now() < until) return setTimeout(flood, 5, until, started)
  // Not before there is room again for a line that must not be dropped.
  setTimeout(() => {
    write(Buffer.from('flood is over\\n'))
    state.over = true
  }, 1000)
}
createServer((request, response) => {
  const url = new URL(request.url, 'http://x')
  if (url.pathname === '/flood') {
    Object.assign(state, { lines: 0, bytes: 0, over: false })
    flood(Date.now() + Number(url.searchParams.get('seconds')) * 1000, Date.now())
  } else if (process.env.SAYS && url.pathname !== '/state') console.log('request ' + requests++)
  response.end(JSON.stringify(state))
}).listen(process.env.PORT)
`

interface State {
  lines: number
  bytes: number
  seconds: number
  over: boolean
  pid: number
  shim: number
}

/** What keeping and passing over costs the shim, in processor time: the machine's other work does not change it. */
function costs(): void {
  const folder = mkdtempSync(join(tmpdir(), 'tow-bench-'))
  let text = ''
  for (let n = 0; text.length < 65_536; n++) text += `flood ${n} ${'x'.repeat(100)}\n`
  const chunk = Buffer.from(text)
  const megabytes = (8000 * chunk.length) / 1e6
  const policies: [what: string, policy: LogPolicy | null][] = [
    ['everything kept', null],
    ['8 MiB/s kept of 100 MB/s', { kind: 'drop', bytesPerSecond: 8 * 1024 ** 2, burstBytes: 16 * 1024 ** 2 }],
  ]
  console.log('what a shim pays for its app’s lines')
  for (const [what, policy] of policies) {
    let time = 0
    const log = openSegments(`${folder}/${what}`, { segmentBytes: 2 * 1024 ** 2, totalBytes: 32 * 1024 ** 2 })
    const intake = openIntake({ log, policy, pause() {}, resume() {}, now: () => time })
    const before = process.cpuUsage()
    for (let n = 0; n < 8000; n++) {
      intake.take('o', chunk)
      time += chunk.length / 1e5
    }
    intake.end()
    const { user, system } = process.cpuUsage(before)
    const share = (user + system) / 1e6 / (megabytes / 100)
    console.log(`  ${what}: ${Math.round(share * 100)} % of a core at 100 MB/s`)
  }
  rmSync(folder, { recursive: true, force: true })
}

/** A process of its own, so that it costs the load generator nothing. Prints what it was told when the flood is over. */
async function follow(folder: string, app: string): Promise<void> {
  const stop = new AbortController()
  const seen = { kept: 0, missing: 0, wrong: 0 }
  let next = 0
  const query = LogQuery.parse({ follow: true, lines: 0 })
  process.stdout.write('ready\n')
  for await (const line of readLogs(folder, { app, environment: 'stage' }, query, () => true, stop.signal)) {
    if (line.text === 'flood is over') stop.abort()
    else if (line.missing) seen.missing += line.missing
    else if (line.stream === 'stdout') {
      const number = Number(line.text.split(' ')[1])
      if (number < next) seen.wrong++
      next = number + 1
      seen.kept++
    }
  }
  process.stdout.write(`${JSON.stringify(seen)}\n`)
}

function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

async function main(): Promise<void> {
  const seconds = Number(process.argv[2] ?? 10)
  costs()
  const person = await newPerson()
  try {
    const folder = join(person.folder, 'apps')
    await mkdir(folder)
    await writeFile(join(folder, 'package.json'), '{"name":"apps"}')
    await writeFile(join(folder, 'server.js'), SERVER)
    const app = (logs: string, env = '') =>
      `{ processes: { web: { command: node server.js, health: /state${logs} } }${env} }`
    await writeFile(
      join(folder, 'tow.yaml'),
      `version: 1\napps:\n  quiet: ${app('', ', env: { SAYS: "1" }')}\n  dropper: ${app(', logs: drop')}\n  blocker: ${app(', logs: block')}\n`,
    )
    const ship = await person.tow(['ship'], { cwd: folder })
    if (ship.exit !== 0) throw new Error(ship.stderr)
    const apps = await person.ask<App[]>(['apps'])
    const urlOf = (name: string) =>
      apps
        .find((one) => one.name === name)!
        .environments[0]!.urls.find((one) => new URL(one).hostname === '127.0.0.1')!
    const state = async (name: string, path = '/state') =>
      (await (await fetch(new URL(path, urlOf(name)))).json()) as State
    const runner = JSON.parse(await readFile(join(person.home, 'engine/run/runner.lock'), 'utf8'))
      .pid as number

    let asked = 0
    const ask = async (name: string, rate: number) => {
      const { port, host } = new URL(urlOf(name))
      const done = await load({ port: Number(port), host, connections: 8, seconds: seconds * 0.8, rate })
      if (name === 'quiet') asked += done.requests
      const [p50, p99] = [0.5, 0.99].map((share) => percentile(done.latencies, share).toFixed(1))
      return `${done.requests} requests, ${done.failures} failed, p50 ${p50} ms, p99 ${p99} ms`
    }
    console.log(`\nload of the machine before: ${loadavg()[0]!.toFixed(1)}`)
    await ask('quiet', 100)
    console.log(`\nat rest\n  the other app: ${await ask('quiet', 100)}`)
    for (const name of ['dropper', 'blocker']) {
      const before = await state(name)
      const logs = join(person.home, 'engine/logs', `stage.${name}`)
      const follower = spawn(process.execPath, [fileURLToPath(import.meta.url), 'follow', logs, name], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      let told = ''
      follower.stdout!.setEncoding('utf8').on('data', (text: string) => {
        told += text
      })
      while (!told.includes('ready')) await sleep(10)
      await sleep(500)
      const [shim, own] = [cpuSeconds(before.shim), cpuSeconds(runner)]
      await state(name, `/flood?seconds=${seconds}`)
      const [quiet, self] = await Promise.all([ask('quiet', 100), ask(name, 20)])
      let after = await state(name)
      while (!after.over) {
        await sleep(100)
        after = await state(name)
      }
      const used = [cpuSeconds(before.shim) - shim, cpuSeconds(runner) - own].map(
        (cpu) => cpu / after.seconds,
      )
      await once(follower, 'close')
      const { kept, missing, wrong } = JSON.parse(told.split('\n')[1]!) as Record<string, number>
      const exact = kept! + missing! === after.lines && wrong === 0
      console.log(`
logs: ${name === 'dropper' ? 'drop' : 'block'}
  the flood: ${(after.bytes / 1e6 / after.seconds).toFixed(0)} MB/s for ${after.seconds.toFixed(1)} s, ${after.lines} lines
  of them: ${kept} told, ${missing} counted as missing, ${wrong} out of order: ${exact ? 'exact' : 'NOT EXACT'}
  the flooding app itself: ${self}
  the other app: ${quiet}
  CPU: shim ${Math.round(used[0]! * 100)} %, runner ${Math.round(used[1]! * 100)} % of a core
  same process as before: ${after.pid === before.pid ? 'yes' : 'NO, it was started anew'}`)
    }
    const { stdout } = await person.tow(['logs', '-a', 'quiet', '-n', '100000', '--json'])
    const lines = stdout
      .split('\n')
      .filter(Boolean)
      .map((row) => JSON.parse(row) as LogLine)
    const numbers = lines
      .filter(({ stream }) => stream === 'stdout')
      .map(({ text }) => Number(text.split(' ')[1]))
    const whole = numbers.every((number, index) => number === index)
    console.log(
      `\nlog of the other app: ${asked} requests answered, ${numbers.length} lines, ${whole ? 'in order, none missing' : 'NOT WHOLE'}`,
    )
  } finally {
    await person.leave()
  }
}

if (process.argv[2] === 'follow') await follow(process.argv[3]!, process.argv[4]!)
else await main()
