/** Brings a request to an app: chooses a place, waits for one where the rule allows, tries again what never arrived. */
import { choose } from './choose.ts'
import { answerFailure, type Context, type Exchange } from './exchange.ts'
import { failures, isGrpc } from './pages.ts'
import { sendHttp1 } from './send-http1.ts'
import { sendHttp2 } from './send-http2.ts'
import type { EndpointState, ServiceState } from './state.ts'
import { newRequestId } from './trace.ts'

/** How a request reaches an endpoint; calls `again` when it never arrived. */
export type Send = (context: Context, exchange: Exchange, endpoint: EndpointState, again: () => void) => void

/** With a rule that holds, a place that refuses is asked again after this long, or as soon as the table changes. */
const ASK_AGAIN_MS = 50

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
  else if (choice.kind === 'wait') wait(context, exchange, service, choice.until, send)
  else {
    exchange.setCookie = choice.setCookie
    exchange.record.set = choice.endpoint.set.id
    exchange.record.endpoint = choice.endpoint.id
    send(context, exchange, choice.endpoint, () => forward(context, exchange, send))
  }
}

function wait(
  context: Context,
  exchange: Exchange,
  service: ServiceState,
  ruleEnds: number | null,
  send: Send,
): void {
  const { holdMs, holdRequests } = context.limits
  const now = performance.now()
  exchange.waitsUntil ??= now + holdMs
  const tooLong = now >= exchange.waitsUntil
  if (tooLong || service.waiting.size >= holdRequests) {
    const failure = tooLong
      ? failures.waitedTooLong(service.service, holdMs)
      : failures.tooManyWait(service.service, holdRequests)
    answerFailure(context, exchange, failure)
    return
  }
  const rest = [exchange.waitsUntil - now]
  if (ruleEnds !== null) rest.push(ruleEnds - context.now())
  if (exchange.refused.size) rest.push(ASK_AGAIN_MS)
  exchange.refused.clear()
  exchange.lastFailure = null
  const wake = () => {
    clearTimeout(timer)
    service.waiting.delete(wake)
    exchange.stop = null
    forward(context, exchange, send)
  }
  const timer = setTimeout(wake, Math.max(1, Math.ceil(Math.min(...rest))))
  service.waiting.add(wake)
  exchange.stop = () => {
    clearTimeout(timer)
    service.waiting.delete(wake)
  }
}
