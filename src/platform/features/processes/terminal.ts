/**
 * The terminal of a run: a WebSocket joined to the engine's attachment. Whoever leaves detaches; the run goes on and
 * can be joined again.
 */
import type { Duplex } from 'node:stream'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type WebSocket, WebSocketServer } from 'ws'
import { STREAM_TAGS, type TerminalEnd, TerminalRequest } from '../../../api/terminal.ts'
import type { Attachment, Engine } from '../../../engines/engine.ts'
import { takeUpgrade } from '../../kernel/http/upgrade.ts'
import type { Runs } from './runs.ts'
import { type RunRow, targetOf } from './store.ts'

const PING_MS = 20_000
const MOST_INPUT_BYTES = 1024 * 1024

export interface TerminalDependencies {
  runs: Runs
  engines: (environment: string) => Promise<Engine>
  onError: (error: unknown) => void
}

export function mountTerminals(server: FastifyInstance, dependencies: TerminalDependencies): void {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MOST_INPUT_BYTES })
  server.addHook('onClose', async () => {
    for (const socket of sockets.clients) socket.terminate()
  })
  server.route({
    method: 'GET',
    url: '/runs/:id/terminal',
    config: { permission: 'app:change', objects: { run: 'id' } },
    async handler(request: FastifyRequest, reply) {
      const { id } = request.params as { id: string }
      await dependencies.runs.settled(id)
      const run = await dependencies.runs.current(id)
      const { socket, head } = takeUpgrade(request, reply)
      sockets.handleUpgrade(request.raw, socket as Duplex, head, (joined) => {
        serve(joined, run, dependencies).catch((error) => {
          dependencies.onError(error)
          joined.close(1011, 'the terminal failed')
        })
      })
    },
  })
}

async function serve(socket: WebSocket, run: RunRow, { runs, engines }: TerminalDependencies): Promise<void> {
  const waiting: [data: Buffer, isBinary: boolean][] = []
  let attachment: Attachment | null = null
  const take = (data: Buffer, isBinary: boolean) => {
    if (attachment) obey(attachment, socket, data, isBinary)
    else waiting.push([data, isBinary])
  }
  // What is typed before the engine has answered is not lost.
  socket.on('message', take)
  socket.on('error', () => socket.terminate())
  const pings = setInterval(() => socket.ping(), PING_MS)
  const left = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  try {
    if (run.state !== 'running') return finish(socket, run)
    const engine = await engines(run.environment)
    const joined = await engine.attach(targetOf(run), run.id)
    attachment = joined
    for (const [data, isBinary] of waiting.splice(0)) obey(joined, socket, data, isBinary)
    void left.then(() => joined.detach())
    for await (const { stream, data } of joined.output) {
      if (socket.readyState !== socket.OPEN) return
      await send(socket, stream, data)
    }
    if (socket.readyState !== socket.OPEN) return
    await joined.done
    finish(socket, await runs.current(run.id))
  } finally {
    clearInterval(pings)
  }
}

/** Resolves when the bytes have left: a slow reader slows the engine, not our memory. */
function send(socket: WebSocket, stream: 'stdout' | 'stderr', data: Uint8Array): Promise<void> {
  const message = Buffer.allocUnsafe(data.length + 1)
  message[0] = STREAM_TAGS[stream]
  message.set(data, 1)
  return new Promise((resolve) => socket.send(message, { binary: true }, () => resolve()))
}

function finish(socket: WebSocket, { state, exit, reason }: RunRow): void {
  const end: TerminalEnd = { type: 'end', state: state === 'running' ? 'unknown' : state, exit, reason }
  socket.send(JSON.stringify(end), () => socket.close(1000))
}

function obey(attachment: Attachment, socket: WebSocket, data: Buffer, isBinary: boolean): void {
  if (isBinary) {
    attachment.write(data)
    return
  }
  const request = TerminalRequest.safeParse(parse(data))
  if (!request.success) {
    socket.close(1008, 'not a request of a terminal')
    return
  }
  switch (request.data.type) {
    case 'resize':
      attachment.resize(request.data.columns, request.data.rows)
      break
    case 'signal':
      attachment.signal(request.data.name)
      break
    case 'end':
      attachment.end()
  }
}

function parse(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString('utf8'))
  } catch {
    return undefined
  }
}
