/** What goes on until Ctrl-C (`tow dev`, `tow forward`): the real command, what it tells as JSON, and an app as a browser meets it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, get } from 'node:http'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { WebSocket } from 'ws'
import type { SpaceLink } from '../src/api/spaces.ts'
import type { Person } from './tow.ts'

const MAIN = new URL('../src/cli/main.ts', import.meta.url).pathname
const PATIENCE_MS = 60_000

export interface Told {
  type: string
  /** When it was heard; milliseconds since the epoch. */
  heardAt: number
  app?: string
  files?: number
  hash?: string
  milliseconds?: number
  phases?: Record<string, number>
  paths?: string[]
  text?: string
  links?: SpaceLink[]
  /** Of this machine, e.g. where a debugger attaches. */
  address?: string
  attach?: Record<string, unknown>
  process?: string
  /** What became of a file such as .env. */
  file?: string
  keys?: string[]
  set?: string[]
  given?: string[]
  message?: string
}

export interface DevSession {
  child: ChildProcess
  told: Told[]
  /** The next one from here on; throws what the command said where it ends before. */
  next(matches: (told: Told) => boolean): Promise<Told>
  /** Ctrl-C; answers with the exit code. */
  interrupt(): Promise<number | null>
}

/** Comes back once every save is live. */
export const startDev = (person: Person, cwd: string, args: string[] = []) =>
  startTow(person, cwd, ['dev', '--json', ...args])

/** Comes back once it says that it is ready. */
export async function startTow(person: Person, cwd: string, args: string[]): Promise<DevSession> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd,
    env: { ...process.env, CI: 'true', TOW_HOME: person.home },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const told: Told[] = []
  let said = ''
  child.stderr.on('data', (data) => {
    said += data
  })
  createInterface({ input: child.stdout }).on('line', (line) =>
    told.push({ ...JSON.parse(line), heardAt: performance.timeOrigin + performance.now() }),
  )
  const session: DevSession = {
    child,
    told,
    async next(matches) {
      const from = told.length
      for (const until = Date.now() + PATIENCE_MS; Date.now() < until; await delay(2)) {
        const found = told.slice(from).find(matches)
        if (found) return found
        if (child.exitCode !== null) throw new Error(`tow ${args[0]} ended with ${child.exitCode}: ${said}`)
      }
      throw new Error(`not told within a minute, but ${JSON.stringify(told.slice(from).slice(-5))} ${said}`)
    },
    async interrupt() {
      if (child.exitCode !== null) return child.exitCode
      const ended = once(child, 'exit')
      child.kill('SIGINT')
      return (await ended)[0] as number | null
    },
  }
  try {
    await session.next(({ type }) => type === 'ready')
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
  return session
}

/** So many files from here on, in as many steps as a busy machine takes to write them. */
export function untilLive(session: DevSession, files: number): Promise<Told> {
  const steps = new Set<Told>()
  return session.next((told) => {
    if (told.type === 'live') steps.add(told)
    return [...steps].reduce((sum, step) => sum + (step.files ?? 0), 0) >= files
  })
}

export interface Answer {
  status: number
  text: string
}

export type Visit = (path?: string) => Promise<Answer>

/**
 * Enters by a link as a browser does: its token is taken once, and a cookie kept. `gateway`: where names lead that this
 * machine does not resolve.
 */
export async function enter(link: string, gateway = '127.0.0.1'): Promise<Visit> {
  const url = new URL(link)
  const agent = new Agent({ keepAlive: true, maxSockets: 4 })
  const ask = (path: string, cookie: string) =>
    new Promise<Answer & { cookies: string[] }>((resolve, reject) => {
      const headers = { host: url.host, ...(cookie ? { cookie } : {}) }
      // Names below localhost are this machine, whatever its resolver knows.
      get({ host: gateway, port: url.port || 80, path, headers, agent }, async (response) => {
        try {
          const chunks: Buffer[] = []
          for await (const chunk of response) chunks.push(chunk as Buffer)
          resolve({
            status: response.statusCode!,
            text: Buffer.concat(chunks).toString(),
            cookies: response.headers['set-cookie'] ?? [],
          })
        } catch (error) {
          reject(error as Error)
        }
      }).on('error', reject)
    })
  const enterOnce = () => ask(url.pathname + url.search, '')
  // A Gateway may take a moment to obey a route that it has said to have.
  let entered = await enterOnce()
  for (const until = Date.now() + PATIENCE_MS; entered.status >= 400 && Date.now() < until; await delay(100))
    entered = await enterOnce()
  const { cookies } = entered
  const cookie = cookies.map((one) => one.split(';')[0]).join('; ')
  return (path = '/') => ask(path, cookie)
}

/** Asks until it answers this. */
export async function untilServed(visit: Visit, text: string): Promise<void> {
  for (const until = Date.now() + PATIENCE_MS; ; await delay(2)) {
    const answer = await visit()
    if (answer.status === 200 && answer.text === text) return
    if (Date.now() > until) throw new Error(`it serves ${answer.status} ${answer.text}, not ${text}`)
  }
}

/** What a debugger asks for first, and one question that only the running app can answer. */
export async function askDebugger(address: string, expression: string): Promise<unknown> {
  const [target] = (await (await fetch(`http://${address}/json/list`)).json()) as {
    webSocketDebuggerUrl: string
    url: string
  }[]
  const socket = new WebSocket(target!.webSocketDebuggerUrl)
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  const answered = new Promise<string>((resolve) => socket.once('message', (data) => resolve(String(data))))
  const params = { expression, returnByValue: true }
  socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params }))
  const { result } = JSON.parse(await answered)
  socket.terminate()
  return { file: target!.url, value: result.result.value }
}
