/** The app's answer on its way to the client. */
import type { Readable } from 'node:stream'
import { type Foot, footOf } from './banner.ts'
import { answerFailure, type Context, type Exchange, serviceOf } from './exchange.ts'
import { readAnswerHead, trailerPairs } from './headers.ts'
import { failures, grpcTrailers, isGrpc } from './pages.ts'
import { type EndpointState, enterStream, releaseStream } from './state.ts'

/** An answer of an app, whatever protocol it came by. */
export interface Answer {
  status: number
  message: string
  rawHeaders: readonly string[]
  body: Readable
  /** The whole body where all of it is there already and small, empty for none; null where it has to be streamed. */
  whole(): Buffer | null
  /** Whether its head is all there is. */
  isEmpty: boolean
  trailers(): readonly string[]
  /** Whether the body ended as it should, rather than with its connection. */
  isWhole(): boolean
  /** Ends the app's work for this request, if it still does any. */
  cancel(): void
}

/** Hands the answer on; `free` is called when the app's part is done. */
export function relay(
  context: Context,
  exchange: Exchange,
  endpoint: EndpointState,
  answer: Answer,
  free: () => void,
): void {
  const head = readAnswerHead(answer.rawHeaders)
  const { kept } = head
  if (!head.hasRequestId) kept.push('x-request-id', exchange.record.requestId)
  if (exchange.setCookie) kept.push('set-cookie', exchange.setCookie)
  if (context.closing || exchange.isLeft) kept.push('connection', 'close')
  exchange.record.status = answer.status
  const foot = footOf(exchange, answer.status, head)
  try {
    const received = head.hasTrailer ? null : answer.whole()
    if (received) {
      foot?.see(received)
      const line = foot?.end()
      const whole = line ? Buffer.concat([received, line]) : received
      exchange.record.bytesOut = whole.length
      free()
      if ((foot !== null || !head.hasLength) && whole.length > 0)
        kept.push('content-length', String(whole.length))
      exchange.client.answer(answer.status, answer.message, kept, whole.length ? whole : null)
      return
    }
    exchange.client.begin(answer.status, answer.message, kept, { isEmpty: answer.isEmpty })
  } catch (error) {
    // Node's parsers let more through than its writers.
    const failure = failures.nonsense(serviceOf(context, exchange), (error as Error).message)
    answerFailure(context, exchange, failure)
    return
  }
  stream(context, exchange, endpoint, answer, { contentType: head.contentType, foot, free })
}

function stream(
  context: Context,
  exchange: Exchange,
  endpoint: EndpointState,
  answer: Answer,
  { contentType, foot, free }: { contentType: string | null; foot: Foot | null; free: () => void },
): void {
  const { client, record } = exchange
  const { out } = client
  const { body } = answer
  let stalled: NodeJS.Timeout | undefined
  const breakOff = () => {
    if (exchange.over || out.writableEnded) return
    record.reason ??= 'broke-off'
    if (client.isHttp2 && isGrpc(contentType)) {
      client.end(grpcTrailers(failures.broke(serviceOf(context, exchange))))
    } else client.cut()
  }
  const endStream = () => {
    record.reason = 'drained'
    client.end()
    answer.cancel()
  }
  const stopBefore = exchange.stop
  exchange.stop = () => {
    clearTimeout(stalled)
    releaseStream(endpoint, endStream)
    stopBefore?.()
  }
  if (record.bytesOut === 0 && body.readableLength === 0) client.flush()
  body.on('data', (chunk: Buffer) => {
    record.bytesOut += chunk.length
    foot?.see(chunk)
    const isFull = !out.write(chunk)
    if (isFull) body.pause()
    context.turns.moved(body, chunk.length)
    if (!isFull || !context.limits.stalledMs) return
    stalled = setTimeout(() => {
      record.reason = 'client-stalled'
      client.cut()
    }, context.limits.stalledMs)
  })
  out.on('drain', () => {
    clearTimeout(stalled)
    context.turns.resume(body)
  })
  body.on('end', () => {
    if (!answer.isWhole()) {
      breakOff()
      return
    }
    free()
    const line = foot?.end()
    if (line) {
      record.bytesOut += line.length
      out.write(line)
    }
    client.end(trailerPairs(answer.trailers()))
  })
  body.on('error', breakOff)
  body.on('close', breakOff)
  if (contentType?.startsWith('text/event-stream')) enterStream(endpoint, endStream)
}
