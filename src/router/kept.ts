/**
 * Connections to one endpoint that Node's HTTP client borrows, kept between requests. It does for a single origin what
 * Node's own agent does for many, at a fraction of the cost, which for a hop is a large part of everything.
 */
import type { Agent, ClientRequest } from 'node:http'
import { connect, type Socket } from 'node:net'

export interface KeptConnections {
  /** What `http.request` takes as its agent. */
  agent: Agent
  /** Closes those at rest; those in use close with their request. New ones are opened as usual. */
  close(): void
}

/** A socket as Node's HTTP client marks it, and what watches it while it rests. */
type KeptSocket = Socket & { _httpMessage: ClientRequest | null }

interface Resting {
  socket: KeptSocket
  until: number
  since: number
  unexpected: () => void
}

// Below the 5 s after which a Node server closes an idle connection, the shortest default in common use.
const REST_MS = 4_000
// For requests that must not be sent twice: the app might close the connection under their feet.
const REST_ONCE_MS = 1_000
const MOST_AT_REST = 128

/** An option of a request beside Node's own: it may be sent again when its connection turns out to be closed. */
export interface Repeatable {
  isRepeatable: boolean
}

export function keepConnections(host: string, port: number): KeptConnections {
  // The most recently used is at the end: the one least likely to be closed by the app.
  const resting: Resting[] = []
  let sweeping: NodeJS.Timeout | undefined
  let generation = 0

  function sweep() {
    sweeping = undefined
    const now = performance.now()
    for (const { socket, until } of [...resting]) if (until < now) socket.destroy()
    if (resting.length) sweepLater()
  }
  function sweepLater() {
    sweeping ??= setTimeout(sweep, REST_MS / 2).unref()
  }

  function open(): KeptSocket {
    const socket = connect({ host, port, noDelay: true, keepAlive: true }) as KeptSocket
    const openedIn = generation
    const one: Resting = { socket, until: 0, since: 0, unexpected: () => socket.destroy() }
    const free = () => {
      const request = socket._httpMessage
      const rest = request?.shouldKeepAlive && socket.writable ? restOf(request) : 0
      if (rest <= 0 || openedIn !== generation || resting.length >= MOST_AT_REST) {
        socket.destroy()
        return
      }
      socket._httpMessage = null
      // Whatever arrives now answers nothing that was asked.
      socket.on('data', one.unexpected).on('end', one.unexpected).on('error', one.unexpected)
      one.since = performance.now()
      one.until = one.since + rest
      resting.push(one)
      sweepLater()
    }
    const gone = () => {
      const at = resting.indexOf(one)
      if (at >= 0) resting.splice(at, 1)
    }
    socket.on('free', free).on('close', gone)
    // An upgraded connection is no longer ours.
    socket.on('agentRemove', () => socket.off('free', free).off('close', gone))
    return socket
  }

  function take(request: ClientRequest, { isRepeatable }: Repeatable): KeptSocket | null {
    const one = resting.at(-1)
    const now = performance.now()
    if (!one || now > one.until || (!isRepeatable && now - one.since > REST_ONCE_MS)) return null
    resting.pop()
    one.socket.off('data', one.unexpected).off('end', one.unexpected).off('error', one.unexpected)
    request.reusedSocket = true
    return one.socket
  }

  const agent = {
    protocol: 'http:',
    defaultPort: 80,
    keepAlive: true,
    options: {},
    addRequest: (request: ClientRequest, options: Repeatable) =>
      request.onSocket(take(request, options) ?? open()),
  }
  return {
    agent: agent as unknown as Agent,
    close() {
      generation++
      clearTimeout(sweeping)
      sweeping = undefined
      for (const { socket } of resting.splice(0)) socket.destroy()
    },
  }
}

/** How long a connection may rest: ours, or less where the app announced that it closes it sooner. */
function restOf(request: ClientRequest): number {
  const raw = (request as { res?: { rawHeaders: string[] } }).res?.rawHeaders ?? []
  for (let at = 0; at < raw.length; at += 2) {
    if (raw[at]!.length !== 10 || raw[at]!.toLowerCase() !== 'keep-alive') continue
    const seconds = /timeout=(\d+)/.exec(raw[at + 1]!)?.[1]
    if (seconds !== undefined) return Math.min(REST_MS, Number(seconds) * 1000 - 1000)
  }
  return REST_MS
}
