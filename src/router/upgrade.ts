/** Connections that stop being HTTP (WebSocket and its like): the handshake is forwarded, then bytes go both ways. */
import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { beginAttempt } from './attempt.ts'
import { type Context, type Exchange, endExchange } from './exchange.ts'
import { readAnswerHead } from './headers.ts'
import { relay } from './relay.ts'
import { http1Answer, onSocket, openRequest } from './send-http1.ts'
import { type EndpointState, enterStream, releaseStream } from './state.ts'

/** The connection of a client that asked for another protocol. */
export interface Handover {
  socket: Duplex
  /** What the client sent behind the head already. */
  rest: Buffer
  response: ServerResponse
}

/** A response for a request that Node handed over with its bare socket. */
export function responseOn(request: IncomingMessage, socket: Duplex): ServerResponse {
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.assignSocket(socket as never)
  response.on('finish', () => socket.end())
  return response
}

export function sendUpgrade(
  context: Context,
  exchange: Exchange,
  endpoint: EndpointState,
  again: () => void,
  handover: Handover,
): void {
  const hop = ['connection', 'Upgrade', 'upgrade', exchange.head.upgrade!]
  const upstream = openRequest(exchange, endpoint, hop)
  const attempt = beginAttempt(
    context,
    exchange,
    endpoint,
    {
      cancel: () => upstream.destroy(),
      onConnected: () => upstream.end(),
      isReused: () => upstream.reusedSocket,
    },
    again,
  )
  onSocket(upstream, attempt)
  upstream.on('response', (message) => {
    if (attempt.answered()) relay(context, exchange, endpoint, http1Answer(upstream, message), attempt.free)
  })
  upstream.on('upgrade', (answer, appSocket, appRest) => {
    if (!attempt.answered()) appSocket.destroy()
    else tunnel(context, exchange, endpoint, { ...handover, answer, appSocket, appRest, free: attempt.free })
  })
  upstream.on('error', attempt.failed)
}

interface Ends extends Handover {
  answer: IncomingMessage
  appSocket: Duplex
  appRest: Buffer
  free: () => void
}

function tunnel(context: Context, exchange: Exchange, endpoint: EndpointState, ends: Ends): void {
  const { answer, appSocket, socket } = ends
  const { record } = exchange
  record.status = 101
  record.upgraded = true
  ends.response.detachSocket(socket as never)
  socket.write(handshake(answer), 'latin1')
  if (ends.appRest.length) count('bytesOut', ends.appRest, socket)
  if (ends.rest.length) count('bytesIn', ends.rest, appSocket)

  function count(which: 'bytesIn' | 'bytesOut', chunk: Buffer, to: Duplex): boolean {
    record[which] += chunk.length
    return to.write(chunk)
  }
  const carry = (which: 'bytesIn' | 'bytesOut', from: Duplex, to: Duplex) => {
    from.on('data', (chunk: Buffer) => {
      if (!count(which, chunk, to)) from.pause()
      context.turns.moved(from, chunk.length)
    })
    to.on('drain', () => context.turns.resume(from))
    from.on('end', () => to.end())
    from.on('error', () => to.destroy())
    // Nothing can reach a side that is gone; what it said before still reaches the other.
    from.on('close', () => closeSoon(to))
    from.resume()
  }
  const endBoth = () => {
    record.reason = 'drained'
    closeSoon(socket)
    closeSoon(appSocket)
  }
  let open = 2
  const closed = () => {
    if (--open > 0) return
    releaseStream(endpoint, endBoth)
    ends.free()
    endExchange(context, exchange, false)
  }
  exchange.stop = null
  socket.on('close', closed)
  appSocket.on('close', closed)
  carry('bytesIn', socket, appSocket)
  carry('bytesOut', appSocket, socket)
  enterStream(endpoint, endBoth)
}

/** Sends what is written already, then closes both directions. */
function closeSoon(socket: Duplex): void {
  if (socket.writableFinished) socket.destroy()
  else socket.end(() => socket.destroy())
}

/** The app's consent as it goes to the client; the only head that Node's server does not write for us. */
function handshake(answer: IncomingMessage): string {
  const headers = readAnswerHead(answer.rawHeaders).kept
  let text = `HTTP/1.1 101 ${answer.statusMessage}\r\nConnection: Upgrade\r\n`
  if (answer.headers.upgrade) text += `Upgrade: ${answer.headers.upgrade}\r\n`
  for (let at = 0; at < headers.length; at += 2) text += `${headers[at]}: ${headers[at + 1]}\r\n`
  return `${text}\r\n`
}
