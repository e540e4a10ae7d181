/** The client's body on its way to the app: as fast as both allow, and no larger or slower than the limits. */
import type { Writable } from 'node:stream'
import { answerFailure, type Context, type Exchange } from './exchange.ts'
import { trailerPairs } from './headers.ts'
import { failures } from './pages.ts'

export interface Upload {
  start(): void
  /** The app began to answer: a client that now pauses may be listening. */
  relax(): void
  stop(): void
}

/** `end` finishes the request; `moved` is called whenever something of the body went on. */
export function uploadTo(
  context: Context,
  exchange: Exchange,
  out: Writable,
  end: (trailers: [string, string][]) => void,
  moved: () => void,
): Upload {
  const { client, record } = exchange
  const { body } = client
  const { bodyBytes, bodyIdleMs } = context.limits
  let idle: NodeJS.Timeout | undefined
  let isRelaxed = false
  const watch = () => {
    if (!bodyIdleMs || isRelaxed) return
    idle = setTimeout(() => answerFailure(context, exchange, failures.bodyStalled(bodyIdleMs)), bodyIdleMs)
  }
  const onData = (chunk: Buffer) => {
    record.bytesIn += chunk.length
    if (bodyBytes && record.bytesIn > bodyBytes) {
      exchange.stop?.()
      exchange.stop = null
      answerFailure(context, exchange, failures.bodyTooLarge(bodyBytes))
      return
    }
    moved()
    if (out.write(chunk)) idle?.refresh()
    else {
      clearTimeout(idle)
      body.pause()
    }
    context.turns.moved(body, chunk.length)
  }
  const onDrain = () => {
    moved()
    watch()
    context.turns.resume(body)
  }
  const onEnd = () => {
    clearTimeout(idle)
    // A client that leaves ends the stream too; that it left is told elsewhere.
    if (!client.isBodyComplete()) return
    moved()
    end(trailerPairs(client.trailers()))
  }
  return {
    start() {
      if (!exchange.hasBody) {
        end([])
        return
      }
      watch()
      out.on('drain', onDrain)
      body.on('data', onData).on('end', onEnd)
    },
    relax() {
      isRelaxed = true
      clearTimeout(idle)
    },
    stop() {
      clearTimeout(idle)
      body.off('data', onData).off('end', onEnd)
      out.off('drain', onDrain)
    },
  }
}
