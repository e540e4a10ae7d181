/** Lets clients attach to a running job: replays the last of its output, then passes both directions on. */
import { createServer, type Socket } from 'node:net'
import { createFrameReader, encodeFrame, FRAME } from './frames.ts'
import type { Child } from './spec.ts'

const REPLAY_BYTES = 262_144
const PENDING_BYTES = 1 << 20
/** How long somebody who is on their way is waited for, where the job was over before they came. */
const FIRST_CLIENT_MS = 3000
const SIGNALS = new Set(['SIGINT', 'SIGTERM', 'SIGKILL'])

export interface AttachServer {
  connect(child: Child): void
  output(stream: 'o' | 'e', data: Buffer): void
  /** Calls back when every client was given all output. */
  close(then: () => void): void
}

/** `expected`: somebody is to attach, and must not miss what a short job wrote. */
export function serveAttach(
  path: string,
  expected: boolean,
  onSignal: (name: NodeJS.Signals) => void,
): AttachServer {
  const clients = new Set<Socket>()
  const replay: Buffer[] = []
  let replayBytes = 0
  let child: Child | null = null
  let early: (() => void)[] = []
  let awaited = expected
  let onFirst = () => {}

  const server = createServer((socket) => {
    const read = createFrameReader()
    clients.add(socket)
    for (const frame of replay) socket.write(frame)
    awaited = false
    onFirst()
    socket.on('data', (chunk) => {
      try {
        for (const frame of read(chunk)) act(frame.kind, frame.payload)
      } catch {
        socket.destroy()
      }
    })
    const leave = () => {
      clients.delete(socket)
      relieve()
    }
    socket.on('drain', relieve)
    socket.on('error', leave)
    socket.on('close', leave)
  })
  server.on('error', () => {})
  server.listen(path)

  function act(kind: number, payload: Buffer): void {
    const run = () => {
      if (kind === FRAME.input) child!.write(payload)
      else if (kind === FRAME.endOfInput) child!.end()
      else if (kind === FRAME.resize) {
        const { columns, rows } = JSON.parse(payload.toString())
        if (columns > 0 && rows > 0) child!.resize(columns, rows)
      } else if (kind === FRAME.signal && SIGNALS.has(payload.toString())) {
        onSignal(payload.toString() as NodeJS.Signals)
      }
    }
    if (child) run()
    else early.push(run)
  }

  /** A client that reads slowly slows the job down; memory stays bounded. */
  function relieve(): void {
    if ([...clients].every((client) => client.writableLength < PENDING_BYTES)) child?.resume()
  }

  return {
    connect(app) {
      child = app
      for (const run of early) run()
      early = []
    },
    output(stream, data) {
      const frame = encodeFrame(stream === 'o' ? FRAME.stdout : FRAME.stderr, data)
      replay.push(frame)
      replayBytes += frame.length
      while (replayBytes > REPLAY_BYTES && replay.length > 1) replayBytes -= replay.shift()!.length
      for (const client of clients) client.write(frame)
      if ([...clients].some((client) => client.writableLength >= PENDING_BYTES)) child?.pause()
    },
    close(then) {
      const end = () => {
        const patience = setTimeout(then, 2000)
        server.close(() => {
          clearTimeout(patience)
          then()
        })
        for (const client of clients) client.end()
      }
      if (!awaited || replay.length === 0) {
        end()
        return
      }
      const late = setTimeout(end, FIRST_CLIENT_MS)
      onFirst = () => {
        clearTimeout(late)
        onFirst = () => {}
        end()
      }
    },
  }
}
