/** The wire of exec and attach: one socket, a byte in front of every message that says which stream it belongs to. */
import type WebSocket from 'ws'

export const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, status: 3, resize: 4, close: 255 } as const
/** The version in which one end of a stream can be closed by itself; since Kubernetes 1.30. */
export const PROTOCOL = 'v5.channel.k8s.io'

export interface ChannelMessage {
  channel: number
  data: Buffer
}

/** `done` is told once it has left, or could not: who waits for it never sends more than the line takes. */
export function send(
  socket: WebSocket,
  channel: number,
  data: Uint8Array,
  done: (error?: Error | null) => void = () => {},
): void {
  if (socket.readyState === socket.OPEN) socket.send(Buffer.concat([Buffer.of(channel), data]), done)
  else done(new Error('the connection is closed'))
}

export function closeInput(socket: WebSocket): void {
  send(socket, CHANNEL.close, Buffer.of(CHANNEL.stdin))
}

/** Messages in order, from now on until the socket closes; a reader that is slow makes the sender wait. */
export function messages(socket: WebSocket): AsyncGenerator<ChannelMessage> {
  const waiting: ChannelMessage[] = []
  let wake: (() => void) | null = null
  let isOver = socket.readyState >= socket.CLOSING
  socket.on('message', (raw: Buffer) => {
    waiting.push({ channel: raw[0] ?? CHANNEL.close, data: raw.subarray(1) })
    if (waiting.length > MOST_WAITING) socket.pause()
    wake?.()
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    isOver = true
    wake?.()
  })
  socket.resume()
  return (async function* () {
    while (true) {
      const next = waiting.shift()
      if (next) {
        if (waiting.length === 0 && socket.isPaused) socket.resume()
        yield next
      } else if (isOver) return
      else
        await new Promise<void>((resolve) => {
          wake = resolve
        })
    }
  })()
}

const MOST_WAITING = 100

/** Exit code of the command from the last message of the stream; null where it says nothing of one. */
export function exitCodeOf(status: Buffer): number | null {
  const body = JSON.parse(status.toString()) as {
    status?: string
    details?: { causes?: { reason?: string; message?: string }[] }
  }
  if (body.status === 'Success') return 0
  const cause = body.details?.causes?.find((one) => one.reason === 'ExitCode')
  return cause?.message === undefined ? null : Number(cause.message)
}
