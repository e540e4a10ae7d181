/** A cheap client over bare sockets: it must cost less than what it measures. */
import { connect, type Socket } from 'node:net'

export interface Load {
  requests: number
  failures: number
  seconds: number
  /** Milliseconds, sorted. */
  latencies: Float64Array
}

export interface LoadOptions {
  port: number
  host: string
  connections: number
  seconds: number
  /** Requests per second over all connections; 0: as many as the other side answers. */
  rate: number
}

interface Line {
  socket: Socket
  text: string
  sentAt: number
  isBusy: boolean
}

/** Sends requests for a while. With a rate, latency counts from when a request was due, not from when it got its turn. */
export async function load({ port, host, connections, seconds, rate }: LoadOptions): Promise<Load> {
  const request = `GET /items?page=2 HTTP/1.1\r\nHost: ${host}\r\nAccept: application/json\r\nUser-Agent: bench\r\n\r\n`
  const latencies: number[] = []
  const due: number[] = []
  let failures = 0
  let running = true
  const lines = await Promise.all(
    Array.from({ length: connections }, async (): Promise<Line> => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true })
      await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
      return { socket, text: '', sentAt: 0, isBusy: false }
    }),
  )
  const send = (line: Line, since: number) => {
    line.isBusy = true
    line.sentAt = since
    line.socket.write(request)
  }
  for (const line of lines) {
    line.socket.setEncoding('latin1')
    line.socket.on('error', () => failures++)
    line.socket.on('data', (chunk) => {
      line.text += chunk
      if (!isWhole(line.text)) return
      if (!line.text.startsWith('HTTP/1.1 200')) failures++
      line.text = ''
      line.isBusy = false
      latencies.push(performance.now() - line.sentAt)
      if (!running) return
      if (rate === 0) send(line, performance.now())
      else if (due.length) send(line, due.shift()!)
    })
  }
  const startedAt = performance.now()
  if (rate === 0) for (const line of lines) send(line, performance.now())
  else await keepRate(rate, seconds, due, () => lines.find((line) => !line.isBusy), send)
  if (rate === 0) await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
  running = false
  const spent = (performance.now() - startedAt) / 1000
  for (const line of lines) line.socket.destroy()
  return {
    requests: latencies.length,
    failures,
    seconds: spent,
    latencies: Float64Array.from(latencies).sort(),
  }
}

function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return false
  const length = /content-length: *(\d+)/i.exec(text)?.[1]
  return length === undefined ? text.endsWith('0\r\n\r\n') : text.length >= end + 4 + Number(length)
}

const TICK_MS = 0.1
const clock = new Int32Array(new SharedArrayBuffer(4))

async function keepRate(
  rate: number,
  seconds: number,
  due: number[],
  idle: () => Line | undefined,
  send: (line: Line, since: number) => void,
): Promise<void> {
  const startedAt = performance.now()
  let count = 0
  while (performance.now() - startedAt < seconds * 1000) {
    const wanted = Math.floor(((performance.now() - startedAt) / 1000) * rate)
    for (; count < wanted; count++) {
      const line = due.length ? undefined : idle()
      if (line) send(line, performance.now())
      else due.push(performance.now())
    }
    await new Promise((resolve) => setImmediate(resolve))
    // Finer than a timer of Node, whose milliseconds would send many at once.
    Atomics.wait(clock, 0, 0, TICK_MS)
  }
}

export function percentile(sorted: Float64Array, part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
}
