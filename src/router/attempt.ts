/**
 * One try to get a request answered by one endpoint, whatever it speaks: the counting, the time-outs, and what becomes
 * of the request when the try fails. Tried again is only what never reached an app.
 */
import { answerFailure, type Context, type Exchange, serviceOf, waitsNoMore } from './exchange.ts'
import { type Failure, failures } from './pages.ts'
import { type EndpointState, enter, release } from './state.ts'

const SUSPECT_MS = 1_000
const REPEATABLE = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE'])

/** Whether sending it twice does what sending it once does, and nothing of a body is lost. */
export const isRepeatable = ({ record, hasBody }: Exchange) => !hasBody && REPEATABLE.has(record.method)

/** How often a request may meet the end of a process that restarts in place: one that is ending may still accept it. */
const HELD_TRIES = 3

export interface AppSide {
  /** Ends the app's work for this request, if it still does any. */
  cancel(): void
  /** Called when bytes can flow. */
  onConnected(): void
  /** Whether the connection had served others before, so that its end says nothing about this request. */
  isReused(): boolean
  /** Whether the app said that it did not process the request at all. */
  isUntouched?(): boolean
}

export interface Attempt {
  /** There is no connection yet. */
  connecting(): void
  connected(): void
  /** False when nobody waits for the answer any more. */
  answered(): boolean
  failed(error: NodeJS.ErrnoException): void
  /** Something moved: the app is not asleep. */
  moved(): void
  /** The app's part is over. Harmless when repeated. */
  free(): void
}

/** `again` gives the request to the next choice. */
export function beginAttempt(
  context: Context,
  exchange: Exchange,
  endpoint: EndpointState,
  app: AppSide,
  again: () => void,
): Attempt {
  const { answerMs, connectMs } = context.limits
  let isConnected = false
  let isLate = false
  let isAnswered = false
  let isFree = false
  enter(endpoint)
  const free = () => {
    if (isFree) return
    isFree = true
    release(endpoint)
  }
  const noAnswer = () =>
    answerFailure(context, exchange, failures.timeout(serviceOf(context, exchange), answerMs))
  const noConnection = () => {
    isLate = true
    failed(new Error('not connected in time'))
    app.cancel()
  }
  let timer: NodeJS.Timeout | undefined
  exchange.stop = () => {
    clearTimeout(timer)
    app.cancel()
    free()
  }

  function verdict(error: NodeJS.ErrnoException): Failure | null {
    const service = serviceOf(context, exchange)
    if (!isConnected) {
      endpoint.suspectUntil = context.now() + SUSPECT_MS
      exchange.refused.add(endpoint)
      // Under a rule that holds, why it is not there says more than that it refused.
      const refusal = isLate ? failures.connectTimeout(service, connectMs) : failures.refused(service)
      exchange.lastFailure = exchange.isHeld ? null : refusal
      return null
    }
    // Where processes restart in place, an end says as little: the listener may have gone with the request unread.
    const isStale = (app.isReused() || exchange.isHeld) && isRepeatable(exchange)
    const most = exchange.isHeld ? HELD_TRIES : 1
    if ((isStale || app.isUntouched?.()) && exchange.staleConnections < most) {
      exchange.staleConnections++
      // It is left alone for a moment, as one that refuses is.
      if (exchange.isHeld) exchange.refused.add(endpoint)
      return null
    }
    const { code } = error
    return code?.startsWith('HPE_') ? failures.nonsense(service, code) : failures.broke(service)
  }

  function failed(error: NodeJS.ErrnoException) {
    clearTimeout(timer)
    const isLost = !isFree
    free()
    if (isAnswered || exchange.over || !isLost) return
    exchange.stop = null
    const failure = verdict(error)
    if (failure) answerFailure(context, exchange, failure)
    else again()
  }

  return {
    connecting() {
      timer = setTimeout(noConnection, connectMs)
    },
    connected() {
      isConnected = true
      waitsNoMore(exchange)
      clearTimeout(timer)
      timer = answerMs ? setTimeout(noAnswer, answerMs) : undefined
      app.onConnected()
    },
    answered() {
      isAnswered = true
      clearTimeout(timer)
      timer = undefined
      return !exchange.over
    },
    failed,
    moved: () => timer?.refresh(),
    free,
  }
}
