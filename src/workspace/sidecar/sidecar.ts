/** The agent beside one process of a pod: it writes the workspace, has the process start anew, and tells how it fares. */
import { writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { openAgent } from '../agent.ts'
import { WAITS } from '../ahead.ts'
import { openLed } from './led.ts'
import { isListening } from './listening.ts'
import { REPORT_MS } from './protocol.ts'

export interface SidecarOptions {
  /** The workspace, what is remembered of it, and the pipes to whoever leads the process; on one file system. */
  root: string
  process: string
  /** Where it listens once it is up; null for one that takes no requests. */
  port: number | null
  /** It takes up changed files by itself. */
  reloads: boolean
  /** Inside the pod alone: whoever may forward a port into it reaches them, and the app, whose workspace it is. */
  ports: { workspace: number; report: number }
}

export interface Sidecar {
  close(): void
}

/** Whoever saved a file is told after this at the latest. */
const COMING_UP_MS = 25_000
const LOOK_MS = 3
const ANYWHERE_EVERY = 10

export async function startSidecar(options: SidecarOptions): Promise<Sidecar> {
  const { root, process: name, port, reloads, ports } = options
  // For whoever leads the process; before that begins anything ahead, the process itself has to be up.
  writeFileSync(`${root}/control/ahead.cjs`, WAITS)
  const listeners = new Set<Socket>()
  const led = openLed(`${root}/control/ask`, `${root}/control/said`, name, tell)

  function tell(): void {
    for (const socket of listeners) socket.write(`${JSON.stringify(led.report())}\n`)
  }

  async function restart() {
    if (reloads && led.report().process !== 'ended') return { restarted: [], ended: [] }
    await led.restart()
    const isUp = await comesUp()
    return { restarted: isUp ? [name] : [], ended: isUp ? [] : [name] }
  }

  /** False where it ended instead. One that needs longer than anybody waits is no end. */
  async function comesUp(): Promise<boolean> {
    const until = performance.now() + COMING_UP_MS
    for (let look = 1; performance.now() < until; look++, await delay(LOOK_MS)) {
      if (led.report().process === 'ended') return false
      if (port === null || (await isListening(port, look % ANYWHERE_EVERY === 0))) return true
    }
    return true
  }

  const agent = openAgent({ folder: `${root}/workspace`, state: `${root}/state`, uid: null, restart })
  const beat = setInterval(tell, REPORT_MS)
  const servers = [
    await listen(ports.workspace, (socket) => void agent.serve(socket)),
    await listen(ports.report, (socket) => {
      listeners.add(socket)
      socket.on('error', () => {}).on('close', () => listeners.delete(socket))
      socket.resume()
      socket.write(`${JSON.stringify(led.report())}\n`)
    }),
  ]
  return {
    close() {
      clearInterval(beat)
      for (const server of servers) server.close()
      for (const socket of listeners) socket.destroy()
      led.close()
    },
  }
}

function listen(port: number, take: (socket: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ noDelay: true }, take)
    server.once('error', reject).listen(port, '127.0.0.1', () => resolve(server))
  })
}
