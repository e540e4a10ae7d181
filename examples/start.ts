/**
 * The main job, on the example: three services live in `stage`, checked through their URLs, promoted to `prod`,
 * checked there; on this machine, or on a cluster. It uses `tow` as a person would, so that whatever it does can be typed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type * as z from 'zod'
import type { App } from '../src/api/apps.ts'
import type { Environment } from '../src/api/environments.ts'
import type { Event } from '../src/api/events.ts'
import { checkExample, getBy } from './check.ts'
import { type Places, readPlaces } from './places.ts'

const TOW = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
const EXAMPLES = fileURLToPath(new URL('.', import.meta.url))
const APPS = ['missions', 'reports', 'web']
const places = read()
const get = getBy(places.resolve)
let stopping = false

const begin = Date.now()
process.on('SIGINT', stop)
process.on('SIGTERM', stop)

const before = await json<{ version?: string }>(['status'])
const startedHere = before.exit !== 0
await tow(['up'])
const { data: known } = await json<z.infer<typeof Environment>[]>(['env'])
for (const { name, words } of places.added) {
  if (!known?.some((one) => one.name === name)) await tow(['env', 'add', name, ...words])
}
await tow(['ship', EXAMPLES, ...(places.added.length > 0 ? ['-e', places.first] : [])])
const stage = await urlsIn(places.first)
await checkExample(stage, get)
say(`✓ ${places.first} answers: a mission was planned, graded and reported`)
await tow(['promote', ...APPS, ...(places.added.length > 0 ? ['--to', places.second] : [])])
const prod = await urlsIn(places.second)
await checkExample(prod, get)
say(`✓ ${places.second} answers, with the same artifacts and its own database`)
summary(stage, prod)
await followEvents()

/** Runs `tow` before the person's eyes; a failure ends everything. */
async function tow(args: string[]): Promise<void> {
  if (stopping) return await once(process, 'exit').then(() => undefined)
  say(`\n$ tow ${args.map(shown).join(' ')}`)
  const child = spawn(process.execPath, [TOW, ...args], { stdio: ['ignore', 'inherit', 'inherit'] })
  const [code] = await once(child, 'exit')
  if (code !== 0 && !stopping) {
    say(`✗ tow ${args[0]} ended with ${code}`)
    await leave(1)
  }
}

/** Nobody's password goes to the screen. */
function shown(word: string): string {
  return word === EXAMPLES ? 'examples' : word.replace(/^(postgres(?:ql)?:\/\/[^:@/]*):[^@]*@/, '$1:***@')
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
  const { first, second } = places
  say(`\nLive in ${first} and ${second} after ${((Date.now() - begin) / 1000).toFixed(1)} s:\n`)
  for (const app of APPS) {
    say(`  ${app.padEnd(10)} ${first.padEnd(second.length)}  ${stage[app]?.join('  or  ')}`)
    say(`  ${''.padEnd(10)} ${second.padEnd(first.length)}  ${prod[app]?.join('  or  ')}`)
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
  if (stopping) return
  const child: ChildProcess = spawn(process.execPath, [TOW, 'events', '-f', '-n', '0', '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // Ctrl-C is ours: it would otherwise end this child first, with words of its own.
    detached: true,
  })
  process.on('exit', () => child.kill())
  for await (const line of createInterface({ input: child.stdout! })) {
    // What is said while the platform ends is no event.
    if (stopping) break
    const event = JSON.parse(line) as Event
    say(`  ${event.at.slice(11, 19)}  ${event.message} (${event.by})`)
  }
  if (!stopping) await leave(1)
}

function read(): Places {
  try {
    return readPlaces(process.argv.slice(2))
  } catch (error) {
    say((error as Error).message)
    process.exit(2)
  }
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
