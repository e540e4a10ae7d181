/** Clients of every kind, each going on until it is told to stop. What a client could notice of a switch is a failure. */
import { Agent, request } from 'node:http'
import { type ClientHttp2Session, connect } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import WebSocket from 'ws'

export interface Tally {
  answered: Record<string, number>
  failures: string[]
  /** Long-lived connections that ended when their set did, and were made anew. */
  madeAnew: number
}

export interface Clients {
  tally: Tally
  /** Lets everyone finish what is under way. */
  stop(): Promise<void>
}

interface Run {
  url: string
  /** The name that is asked for, where the address is not found by it. */
  host: string
  tally: Tally
  isStopping(): boolean
  failed(why: string): void
}

export interface Reach {
  host?: string
  /** Not behind what speaks HTTP/1 alone to the app. */
  withGrpc?: boolean
  failed?: (why: string) => void
}

const fail = ({ tally, failed }: Run, why: string) => {
  tally.failures.push(why)
  failed(why)
}

const count = ({ tally }: Run, kind: string) => {
  tally.answered[kind] = (tally.answered[kind] ?? 0) + 1
}

export function startClients(url: string, reach: Reach = {}): Clients {
  const { host = new URL(url).host, withGrpc = true, failed = () => {} } = reach
  const tally: Tally = { answered: {}, failures: [], madeAnew: 0 }
  let isStopping = false
  const run: Run = { url, host, tally, isStopping: () => isStopping, failed }
  const many = (amount: number, client: () => Promise<void>) => Array.from({ length: amount }, client)
  const clients = [
    ...many(8, () => keepAlive(run, 'keep-alive', '/', null, 5)),
    ...many(8, () => keepAlive(run, 'slow', '/slow', null, 10)),
    ...many(4, () => keepAlive(run, 'dribbling', '/', ['a', 'b', 'c', 'd', 'e'], 10)),
    ...many(4, () => streaming(run)),
    ...many(4, () => webSocket(run)),
    ...many(withGrpc ? 4 : 0, () => grpc(run, 'gRPC', '/switches.Clock/Tell', 1)),
    ...many(withGrpc ? 4 : 0, () => grpc(run, 'gRPC stream', '/switches.Clock/Watch', 8)),
  ]
  return {
    tally,
    async stop() {
      isStopping = true
      await Promise.all(clients)
    },
  }
}

async function keepAlive(run: Run, kind: string, path: string, body: string[] | null, pause: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  while (!run.isStopping()) {
    const failure = await call(run, path, agent, body)
    if (failure === null) count(run, kind)
    else fail(run, `${kind}: ${failure}`)
    await sleep(pause)
  }
  agent.destroy()
}

/** Why the call failed; null where it did not. */
function call({ url, host }: Run, path: string, agent: Agent, body: string[] | null): Promise<string | null> {
  return new Promise((resolve) => {
    const options = { agent, method: body ? 'POST' : 'GET', headers: { host } }
    const sent = request(new URL(path, url), options, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.on('error', (error) => resolve(`answer: ${error.message}`))
      response.on('end', () => {
        if (response.statusCode !== 200) resolve(`${response.statusCode} ${text.slice(0, 80)}`)
        else if (path === '/slow' && !text.endsWith('end')) resolve(`cut after ${text.length} bytes`)
        else if (body && !text.endsWith(` ${body.length}`)) resolve(`the body did not arrive whole: ${text}`)
        else resolve(null)
      })
    })
    sent.on('error', (error) => resolve(`request: ${error.message}`))
    void (async () => {
      for (const part of body ?? []) {
        sent.write(part)
        await sleep(60)
      }
      sent.end()
    })()
  })
}

/** Follows events; a stream that ends whole is opened again, one that breaks is a failure. */
async function streaming(run: Run) {
  while (!run.isStopping()) {
    await new Promise<void>((resolve) => {
      const broken = (why: string) => {
        fail(run, `events: ${why}`)
        resolve()
      }
      const options = { agent: false, headers: { host: run.host } } as const
      const sent = request(new URL('/events', run.url), options, (response) => {
        if (response.statusCode !== 200) broken(String(response.statusCode))
        response.on('data', () => {
          count(run, 'event')
          if (!run.isStopping()) return
          response.removeAllListeners('error').on('error', () => {})
          sent.removeAllListeners('error').on('error', () => {})
          sent.destroy()
          resolve()
        })
        response.on('error', (error) => broken(error.message))
        response.on('end', () => {
          run.tally.madeAnew += 1
          resolve()
        })
      })
      sent.on('error', (error) => broken(error.message))
      sent.end()
    })
  }
}

/** Talks until the other side closes; that it cannot connect, or gets a wrong echo, is a failure. */
async function webSocket(run: Run) {
  while (!run.isStopping()) {
    await new Promise<void>((resolve) => {
      const socket = new WebSocket(new URL('/socket', run.url.replace('http', 'ws')), {
        headers: { host: run.host },
      })
      // Followed by onclose.
      socket.onerror = () => {}
      let isOpen = false
      let said = ''
      const say = () => {
        said = String(Math.random())
        if (socket.readyState === WebSocket.OPEN) socket.send(said)
      }
      socket.onopen = () => {
        isOpen = true
        say()
      }
      socket.onmessage = ({ data }) => {
        if (data === said) count(run, 'WebSocket message')
        else fail(run, `WebSocket: said ${said}, heard ${data}`)
        if (run.isStopping()) socket.close()
        else setTimeout(say, 20)
      }
      socket.onclose = () => {
        if (!isOpen) run.tally.failures.push('WebSocket: no connection')
        else if (!run.isStopping()) run.tally.madeAnew += 1
        resolve()
      }
    })
  }
}

/** Calls on one connection for as long as it lasts; each has to end with status 0 and all its messages. */
async function grpc(run: Run, kind: string, path: string, messages: number) {
  let session: ClientHttp2Session | null = null
  while (!run.isStopping()) {
    if (session === null || session.closed || session.destroyed) {
      session = connect(run.url)
      session.on('error', () => {})
    }
    const failure = await grpcCall(session, path, messages)
    if (failure === null) count(run, kind)
    else fail(run, `${kind}: ${failure}`)
    await sleep(10)
  }
  session?.close()
}

function grpcCall(session: ClientHttp2Session, path: string, messages: number): Promise<string | null> {
  return new Promise((resolve) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    let bytes = Buffer.alloc(0)
    let status: unknown = null
    stream.on('response', (headers) => {
      status = headers['grpc-status'] ?? null
      if (status !== null && status !== '0') status = `${status} ${headers['grpc-message']}`
    })
    stream.on('trailers', (trailers) => {
      status = trailers['grpc-status']
    })
    stream.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
    })
    stream.on('error', (error) => resolve(error.message))
    stream.on('close', () => {
      let heard = 0
      for (let at = 0; at + 5 <= bytes.length; at += 5 + bytes.readUInt32BE(at + 1)) heard += 1
      resolve(status === '0' && heard === messages ? null : `status ${status}, ${heard} messages`)
    })
    stream.end(Buffer.from([0, 0, 0, 0, 0]))
  })
}
