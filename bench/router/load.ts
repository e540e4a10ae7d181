/**
 * A cheap client over bare sockets: it must cost less than what it measures, and must not pause by itself. It reads into
 * one buffer, keeps what it measures in memory taken before, and makes next to nothing that is to be collected.
 */
import { connect, type Socket } from 'node:net'

export interface Load {
  requests: number
  failures: number
  seconds: number
  /** Milliseconds, sorted. */
  latencies: Float64Array
  /** Requests whose latency is not among them: the client itself was held up while they were under way. */
  spoiled: number
}

export interface LoadOptions {
  port: number
  host: string
  connections: number
  seconds: number
  /** Requests per second over all connections; 0: as many as the other side answers. */
  rate: number
  /** Never waits between two requests: only for whoever has a core of their own. A core that rests takes its time to wake. */
  spins?: boolean
}

interface Line {
  socket: Socket
  sentAt: number
  isBusy: boolean
  isSpoiled: boolean
  /** Bytes of the answer that are still to come. */
  missing: number
}

/** More than any of what is measured answers in a second. */
const MOST_PER_SECOND = 100_000
const HEAD_END = Buffer.from('\r\n\r\n')
const buffer = Buffer.alloc(65_536)

/** Sends requests for a while. With a rate, latency counts from when a request was due, not from when it got its turn. */
export async function load({
  port,
  host,
  connections,
  seconds,
  rate,
  spins = false,
}: LoadOptions): Promise<Load> {
  const request = Buffer.from(
    `GET /items?page=2 HTTP/1.1\r\nHost: ${host}\r\nAccept: application/json\r\nUser-Agent: bench\r\n\r\n`,
  )
  const latencies = new Float64Array(Math.ceil((rate * 1.1 || MOST_PER_SECOND) * seconds)).fill(-1)
  const due: number[] = []
  let requests = 0
  let measured = 0
  let spoiled = 0
  let failures = 0
  let running = true
  let measuresFrom = 0
  let seen = performance.now()
  let lines: Line[] = []
  /** The time now. Where a client that spins was away meanwhile, whatever is under way took longer for that alone. */
  function look(): number {
    const now = performance.now()
    if (spins && now - seen > HELD_MS) for (const line of lines) line.isSpoiled = line.isBusy
    seen = now
    return now
  }
  function send(line: Line, since: number): void {
    line.isBusy = true
    line.isSpoiled = false
    line.sentAt = since
    line.socket.write(request)
  }
  function received(line: Line, length: number): void {
    const now = look()
    if (line.missing === 0) {
      const end = buffer.subarray(0, length).indexOf(HEAD_END)
      const head = buffer.toString('latin1', 0, Math.max(0, end))
      if (!head.startsWith('HTTP/1.1 200')) failures++
      line.missing = end + HEAD_END.length + Number(/\ncontent-length: *(\d+)/i.exec(head)?.[1])
      if (!(line.missing >= length)) throw new Error(`not the answer of the app: ${head}`)
    }
    line.missing -= length
    if (line.missing > 0) return
    line.isBusy = false
    requests++
    if (line.isSpoiled) spoiled++
    else if (line.sentAt >= measuresFrom) latencies[measured++] = now - line.sentAt
    if (!running) return
    if (rate === 0) send(line, now)
    else if (due.length) send(line, due.shift()!)
  }
  lines = await Promise.all(
    Array.from({ length: connections }, async (): Promise<Line> => {
      const callback = (length: number) => {
        received(line, length)
        return true
      }
      const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread: { buffer, callback } })
      const line: Line = { socket, sentAt: 0, isBusy: false, isSpoiled: false, missing: 0 }
      await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
      socket.on('error', () => failures++)
      return line
    }),
  )
  const startedAt = look()
  if (rate === 0) {
    for (const line of lines) send(line, performance.now())
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
  } else {
    if (spins) measuresFrom = startedAt + SETTLE_MS
    await keepRate({ rate, until: startedAt + seconds * 1000, spins, lines, due, look, send })
  }
  running = false
  const spent = (performance.now() - startedAt) / 1000
  for (const line of lines) line.socket.destroy()
  return { requests, failures, seconds: spent, latencies: latencies.slice(0, measured).sort(), spoiled }
}

const TICK_MS = 0.1
/** A client that spins comes by far more often, unless something else has its core: the system, or the host of the machine. */
const HELD_MS = 0.3
/** Nothing is measured before: connections are made, and what rested wakes up. */
const SETTLE_MS = 250
const clock = new Int32Array(new SharedArrayBuffer(4))

interface Schedule {
  rate: number
  /** As `performance.now()` counts. */
  until: number
  spins: boolean
  lines: readonly Line[]
  /** When each request was due that found no line idle. */
  due: number[]
  look: () => number
  send: (line: Line, since: number) => void
}

function keepRate({ rate, until, spins, lines, due, look, send }: Schedule): Promise<void> {
  let last = look()
  let wanted = 0
  return new Promise((resolve) => {
    function tick(): void {
      const now = look()
      if (now >= until) {
        resolve()
        return
      }
      // What was due while a client that spins was held up is not made up for: it would come all at once.
      if (!spins || now - last <= HELD_MS) wanted += ((now - last) / 1000) * rate
      last = now
      for (; wanted >= 1; wanted--) {
        const line = due.length ? undefined : lines.find(({ isBusy }) => !isBusy)
        if (line) send(line, now)
        else due.push(now)
      }
      // Finer than a timer of Node, whose milliseconds would send many at once.
      if (!spins) Atomics.wait(clock, 0, 0, TICK_MS)
      setImmediate(tick)
    }
    tick()
  })
}

export function percentile(sorted: Float64Array, part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
}
