/** Takes an endpoint out of service without cutting what is under way there. */
import { closePools } from './pools.ts'
import type { EndpointState } from './state.ts'

/** Settles with how many requests are left, at the latest after `withinMs`; streams are ended after `streamsMs`. */
export async function drainEndpoint(
  endpoint: EndpointState,
  withinMs: number,
  streamsMs: number,
): Promise<number> {
  endpoint.draining = true
  // An app that is asked to stop should not have to wait for connections at rest.
  closePoolsAtRest(endpoint)
  if (endpoint.inFlight === 0) return 0
  const endStreams = setTimeout(
    () => {
      endpoint.endsStreams = true
      for (const end of [...endpoint.streams]) end()
    },
    Math.min(streamsMs, withinMs),
  )
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer)
      endpoint.idle.delete(done)
      resolve()
    }
    const timer = setTimeout(done, withinMs)
    endpoint.idle.add(done)
  })
  clearTimeout(endStreams)
  closePoolsAtRest(endpoint)
  return endpoint.inFlight
}

function closePoolsAtRest(endpoint: EndpointState): void {
  if (endpoint.inFlight === 0) closePools(endpoint.pools)
}
