/**
 * The main job, on the example: three services live in `stage`, checked through their URLs, promoted to `prod`,
 * checked there. It uses `tow` as a person would, so that whatever it does can be typed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { App } from '../src/api/apps.ts'
import type { Event } from '../src/api/events.ts'
import { checkExample } from './check.ts'

const TOW = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
const EXAMPLES = fileURLToPath(new URL('.', import.meta.url))
const APPS = ['missions', 'reports', 'web']
let stopping = false

const begin = Date.now()
process.on('SIGINT', stop)
process.on('SIGTERM', stop)

const before = await json<{ version?: string }>(['status'])
const startedHere = before.exit !== 0
await tow(['up'])
await tow(['ship', EXAMPLES])
const stage = await urlsIn('stage')
await checkExample(stage)
say(`✓ stage answers: a mission was planned, graded and reported`)
await tow(['promote', ...APPS])
const prod = await urlsIn('prod')
await checkExample(prod)
say(`✓ prod answers, with the same artifacts and its own database`)
summary(stage, prod)
await followEvents()

/** Runs `tow` before the person's eyes; a failure ends everything. */
async function tow(args: string[]): Promise<void> {
  if (stopping) return await once(process, 'exit').then(() => undefined)
  say(`\n$ tow ${args.map((arg) => (arg === EXAMPLES ? 'examples' : arg)).join(' ')}`)
  const child = spawn(process.execPath, [TOW, ...args], { stdio: ['ignore', 'inherit', 'inherit'] })
  const [code] = await once(child, 'exit')
  if (code !== 0 && !stopping) {
    say(`✗ tow ${args[0]} ended with ${code}`)
    await leave(1)
  }
}

async function json<T>(args: string[]): Promise<{ exit: number; data: T | null }> {
  const child = spawn(process.execPath, [TOW, ...args, '--json'], { stdio: ['ignore', 'pipe', 'ignore'] })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const [exit] = await once(child, 'close')
  return { exit, data: exit === 0 ? JSON.parse(text) : null }
}

/** By app, the address that every program can resolve. */
async function urlsIn(environment: string): Promise<Record<string, string[]>> {
  const { data } = await json<App[]>(['apps', '-e', environment])
  const places = (data ?? []).flatMap(({ name, environments }) =>
    environments
      .filter((place) => place.environment === environment)
      .map((place) => [name, place.urls] as const),
  )
  return Object.fromEntries(places)
}

function summary(stage: Record<string, string[]>, prod: Record<string, string[]>): void {
  say(`\nLive in stage and prod after ${((Date.now() - begin) / 1000).toFixed(1)} s:\n`)
  for (const app of APPS) {
    say(`  ${app.padEnd(10)} stage  ${stage[app]?.join('  or  ')}`)
    say(`  ${''.padEnd(10)} prod   ${prod[app]?.join('  or  ')}`)
  }
  say(`\nGo on in another terminal, in this folder:

  npx tow ps -a missions            what runs, with CPU and memory
  npx tow logs -f -a missions       what it writes
  npx tow why web                   why it is in the state it is in

Ctrl-C stops everything that was started here. What happens from now on:
`)
}

/** The live summary: the timeline as it grows, until Ctrl-C. */
async function followEvents(): Promise<void> {
  const child: ChildProcess = spawn(process.execPath, [TOW, 'events', '-f', '-n', '0', '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // Ctrl-C is ours: it would otherwise end this child first, with words of its own.
    detached: true,
  })
  process.on('exit', () => child.kill())
  for await (const line of createInterface({ input: child.stdout! })) {
    const event = JSON.parse(line) as Event
    say(`  ${event.at.slice(11, 19)}  ${event.message} (${event.by})`)
  }
  if (!stopping) await leave(1)
}

function stop(): void {
  if (stopping) process.exit(130)
  stopping = true
  void leave(130)
}

async function leave(code: number): Promise<never> {
  stopping = true
  if (startedHere) {
    say('\n$ tow down')
    const child = spawn(process.execPath, [TOW, 'down'], {
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
    })
    await once(child, 'exit')
  } else say('\nThe platform ran before, so it goes on. tow down stops it.')
  process.exit(code === 130 ? 0 : code)
}

function say(text: string): void {
  process.stderr.write(`${text}\n`)
}
