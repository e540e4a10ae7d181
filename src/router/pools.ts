/** Connections to one app's endpoint, kept between requests. */
import type { Agent } from 'node:http'
import { type KeptConnections, keepConnections } from './kept.ts'
import { type Http2Sessions, openSessions } from './sessions.ts'

export interface Pools {
  /** What Node's HTTP/1 client takes its connections from. */
  agent: Agent
  http1: KeptConnections
  http2: Http2Sessions
}

export function openPools(host: string, port: number): Pools {
  const http1 = keepConnections(host, port)
  return { agent: http1.agent, http1, http2: openSessions(host, port) }
}

/** Closes what is kept. Only for an endpoint with no request under way. */
export function closePools(pools: Pools): void {
  pools.http1.close()
  pools.http2.close()
}
