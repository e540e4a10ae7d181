/** Brings a request to an app: chooses a place, waits for one where the rule allows, tries again what never arrived. */
import { type Choice, choose } from './choose.ts'
import { answerFailure, type Context, type Exchange } from './exchange.ts'
import { type Failure, failures, isGrpc } from './pages.ts'
import { sendHttp1 } from './send-http1.ts'
import { sendHttp2 } from './send-http2.ts'
import type { EndpointState, ServiceState, SetState } from './state.ts'
import type { Service } from './table.ts'
import { newRequestId } from './trace.ts'

/** How a request reaches an endpoint; calls `again` when it never arrived. */
export type Send = (context: Context, exchange: Exchange, endpoint: EndpointState, again: () => void) => void

/**
 * With a rule that holds, a place that refuses is asked again after 4 ms (`askAgainMs` of a new exchange), then each time
 * a little later, or as soon as the table changes: a process between two lives is back within some tens of milliseconds, and
 * who waits so long learns of it at most a tenth later. Where many wait each asks less often, as they share a processor
 * with the process that they wait for.
 */
const ASK_AGAIN = { growth: 1.1, longestMs: 50, eachMs: 0.5 }

/** gRPC exists over HTTP/2 alone; everything else every app understands over HTTP/1.1. */
const usual = ({ client, head }: Exchange): Send =>
  client.isHttp2 && isGrpc(head.contentType) ? sendHttp2 : sendHttp1

export function forward(context: Context, exchange: Exchange, send: Send = usual(exchange)): void {
  if (exchange.over) return
  const service = context.state.services.get(exchange.service)
  if (!service) {
    answerFailure(context, exchange, failures.unknownService(exchange.service))
    return
  }
  const choice = choose(service, exchange, context.now(), newRequestId)
  if (choice.kind === 'none') answerFailure(context, exchange, exchange.lastFailure ?? choice.failure)
  else if (choice.kind === 'wait') wait(context, exchange, service, choice, send)
  else {
    const { set } = choice.endpoint
    if (set.demand) set.demand.askedAt = context.now()
    exchange.isHeld = choice.isHeld
    exchange.setCookie = choice.setCookie
    exchange.record.set = set.id
    exchange.record.endpoint = choice.endpoint.id
    send(context, exchange, choice.endpoint, () => forward(context, exchange, send))
  }
}

function wait(
  context: Context,
  exchange: Exchange,
  service: ServiceState,
  { until, sets }: Choice & { kind: 'wait' },
  send: Send,
): void {
  const { holdMs, holdRequests } = context.limits
  const now = performance.now()
  exchange.waitsUntil ??= now + holdMs
  const tooLong = now >= exchange.waitsUntil
  const { demand = null, space = null } = sets.find((set) => set.demand !== null) ?? {}
  if (demand) demand.askedAt = context.now()
  const alreadyWait = exchange.waitsFor === null ? (demand?.waiting ?? service.waiting.size) : 0
  if (tooLong || alreadyWait >= holdRequests) {
    const failure = tooLong
      ? waitedTooLong(service.service, holdMs, sets)
      : failures.tooManyWait(service.service, holdRequests)
    answerFailure(context, exchange, failure)
    return
  }
  if (demand && exchange.waitsFor === null) {
    exchange.waitsFor = demand
    // One that starts anew in place comes up by itself: for each save nobody need be told in a hurry.
    const isAsleep = sets.some(({ state }) => state === 'asleep')
    if (demand.waiting++ === 0 && isAsleep) context.onWaiting(exchange.service, space!)
  }
  const rest = [exchange.waitsUntil - now]
  if (until !== null) rest.push(until - context.now())
  if (exchange.refused.size) {
    const sharedMs = service.waiting.size * ASK_AGAIN.eachMs
    rest.push(Math.max(exchange.askAgainMs, Math.min(ASK_AGAIN.longestMs, sharedMs)))
    exchange.askAgainMs = Math.min(ASK_AGAIN.longestMs, exchange.askAgainMs * ASK_AGAIN.growth)
  }
  exchange.refused.clear()
  exchange.lastFailure = null
  const leave = () => {
    clearTimeout(timer)
    service.waiting.delete(wake)
  }
  const wake = () => {
    leave()
    exchange.stop = null
    forward(context, exchange, send)
  }
  const timer = setTimeout(wake, Math.max(1, Math.ceil(Math.min(...rest))))
  service.waiting.add(wake)
  exchange.stop = leave
}

function waitedTooLong(service: Service, holdMs: number, sets: readonly SetState[]): Failure {
  const space = sets.find((set) => set.space !== null)?.space ?? null
  const isAsleep = sets.length > 0 && sets.every((set) => set.state === 'asleep')
  const problem = sets.find((set) => set.problem !== null)?.problem ?? null
  return failures.waitedTooLong(service, holdMs, { space, problem }, isAsleep)
}
