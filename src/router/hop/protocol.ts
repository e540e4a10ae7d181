/**
 * What a hop is told and what it tells: one JSON document a line, over a stream to its control port. Whoever tells a table
 * tells all of it, and hears back which one is in force.
 */
import type { CallsFrom } from '../calls.ts'
import type { RouteTable } from '../table.ts'

export interface HopTable {
  /** Of its content: the same again changes nothing. */
  version: string
  table: RouteTable
  /** The port of each service that calls between apps come through, by its key in the table. */
  ports: Record<string, number>
  /** Those of them that nobody is led to any more. */
  left: string[]
}

export interface HopReport {
  /** Of the table in force. */
  version: string
  /** By service, then by space. */
  demand: Record<string, Record<string, HopDemand>>
  /** By service, then by space, empty for the environment's own: whether it passes on in which space it was asked. */
  calls: Record<string, Record<string, CallsFrom>>
}

export interface HopDemand {
  /** Milliseconds since the epoch; null before the first request. */
  lastAskedAt: number | null
  waiting: number
}

/** Where a hop answers; ports of services are told with the table, from `FIRST_SERVICE_PORT` on. */
export const HOP_PORTS = { edge: 8080, health: 8081, control: 8082 } as const
export const FIRST_SERVICE_PORT = 20_000

/** A hop says something at least this often, in milliseconds: whoever hears nothing for longer talks to nobody. */
export const REPORT_MS = 1000

/** Documents of a stream, one a line. A stream that ends in the middle of one has not said it. */
export async function* documentsOf<Document>(stream: AsyncIterable<unknown>): AsyncGenerator<Document> {
  const decoder = new TextDecoder()
  const parts: string[] = []
  for await (const chunk of stream) {
    const text = decoder.decode(chunk as Uint8Array, { stream: true })
    let from = 0
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
      parts.push(text.slice(from, at))
      yield JSON.parse(parts.splice(0).join('')) as Document
      from = at + 1
    }
    parts.push(text.slice(from))
  }
}

export const documentOf = (value: HopTable | HopReport) => `${JSON.stringify(value)}\n`
