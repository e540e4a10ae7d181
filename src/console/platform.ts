/** The platform that served this page, as whoever is signed in with this browser. */
import { createClient } from '../client/client.ts'

/** A stream in which nothing came for so long is broken: the platform writes at least every 15 seconds. */
const SILENCE_MILLISECONDS = 40_000

let heardAt = 0
/** When the last byte of a stream came. */
export const lastHeard = () => heardAt

export const platform = createClient({ url: location.origin, token: null })

/** For streams: a break is told at once, so that the page can say that it is stale. */
export const streams = createClient({
  url: location.origin,
  token: null,
  patience: 0,
  async fetch(request, init) {
    const response = await fetch(request, init)
    if (!response.body || !response.headers.get('content-type')?.includes('event-stream')) return response
    return new Response(response.body.pipeThrough(watchdog()), response)
  },
})

/** Passes on what comes, and fails where nothing comes: a connection that died without a word. */
function watchdog(): TransformStream<Uint8Array, Uint8Array> {
  let timer: ReturnType<typeof setTimeout>
  const expectMore = (controller: TransformStreamDefaultController) => {
    heardAt = Date.now()
    clearTimeout(timer)
    timer = setTimeout(() => controller.error(new TypeError('terminated')), SILENCE_MILLISECONDS)
  }
  return new TransformStream({
    start: expectMore,
    transform(chunk, controller) {
      expectMore(controller)
      controller.enqueue(chunk)
    },
    flush: () => clearTimeout(timer),
  })
}

/** Whoever is not signed in any more signs in, and comes back to this page. */
export function signInAgain(): void {
  location.assign(`/sign-in?to=${encodeURIComponent(location.pathname + location.search)}`)
}
