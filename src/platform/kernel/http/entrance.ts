/**
 * Where a request came in: on loopback, as always, or where the platform was told to listen beyond it. What names it
 * answers to there, and whether what travels can be read on the way, is the entrance's to say.
 */
import type { IncomingMessage } from 'node:http'
import { TowError } from '../../../api/errors.ts'

export interface Entrance {
  scheme: 'http' | 'https'
  /** Only who is on this machine comes in here. */
  isLocal: boolean
  /** `name` without the port, in lower case; `address` is where the connection arrived. */
  answersTo(name: string, address: string): boolean
  /** For people: what it answers to. */
  names: string
  /** How long the body of somebody unknown may take. */
  strangersBodyMilliseconds: number
}

export const STRANGERS_BODY_MILLISECONDS = 30_000

const LOOPBACK_NAMES = new Set(['localhost', '127.0.0.1', '[::1]'])

export const LOOPBACK: Entrance = {
  scheme: 'http',
  isLocal: true,
  answersTo: (name) => LOOPBACK_NAMES.has(name),
  names: 'localhost',
  strangersBodyMilliseconds: STRANGERS_BODY_MILLISECONDS,
}

const entrances = new WeakMap<IncomingMessage, Entrance>()

export function enterBy(entrance: Entrance, request: IncomingMessage): void {
  entrances.set(request, entrance)
}

export const entranceOf = (request: IncomingMessage): Entrance => entrances.get(request) ?? LOOPBACK

/** DNS rebinding and pages of other origins: a browser sends their names, and they are not ours. */
export function refuseStrangers(request: IncomingMessage): void {
  const { scheme, answersTo, names } = entranceOf(request)
  const { host, origin } = request.headers
  const name = host?.replace(/:\d+$/, '').toLowerCase()
  if (!name || !answersTo(name, request.socket.localAddress ?? '')) {
    throw new TowError(
      'FORBIDDEN',
      `the platform answers only to ${names}, not to ${JSON.stringify(host ?? '')}`,
      {
        hint:
          names === LOOPBACK.names
            ? 'use http://127.0.0.1 or http://localhost'
            : 'tow up --name adds a name to those that it answers to',
      },
    )
  }
  if (origin !== undefined && origin.toLowerCase() !== `${scheme}://${host?.toLowerCase()}`) {
    throw new TowError('FORBIDDEN', `a page of ${JSON.stringify(origin)} may not call the platform`)
  }
}

/**
 * Whoever is known may send slowly: pushes are large. Whoever is not could hold connections open with nothing in them;
 * theirs end. Answers how to let it go on.
 */
export function boundStrangersBody(request: IncomingMessage): () => void {
  const { headers, socket } = request
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) return () => {}
  const late = setTimeout(() => socket.destroy(), entranceOf(request).strangersBodyMilliseconds).unref()
  // The connection outlives the request, and so would what listens to it.
  const letGo = () => {
    clearTimeout(late)
    socket.off('close', letGo)
  }
  request.once('end', letGo)
  socket.once('close', letGo)
  return letGo
}
