/** HTTP/2 connections to one endpoint: few, shared by all requests that fit. */
import { type ClientHttp2Session, connect } from 'node:http2'

export interface Http2Sessions {
  /** A session with room for one more request; `isReused` tells whether it served before. */
  take(): { session: ClientHttp2Session; isReused: boolean; done(): void }
  close(): void
}

const IDLE_MS = 60_000
const WINDOW_BYTES = 1024 * 1024

interface Kept {
  session: ClientHttp2Session
  streams: number
  hasServed: boolean
}

export function openSessions(host: string, port: number): Http2Sessions {
  const kept = new Set<Kept>()

  function open(): Kept {
    const authority = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
    const session = connect(authority, {
      settings: { enablePush: false, initialWindowSize: WINDOW_BYTES / 4 },
    })
    const one: Kept = { session, streams: 0, hasServed: false }
    const forget = () => void kept.delete(one)
    // The requests on it are told by their own streams.
    session.on('error', forget).on('close', forget).on('goaway', forget)
    session.on('connect', () => session.setLocalWindowSize(WINDOW_BYTES))
    session.setTimeout(IDLE_MS, () => {
      if (one.streams === 0) session.close()
    })
    session.unref()
    kept.add(one)
    return one
  }

  function room({ session, streams }: Kept): boolean {
    const most = session.connecting ? 100 : (session.remoteSettings.maxConcurrentStreams ?? 100)
    return !session.closed && !session.destroyed && streams < most
  }

  return {
    take() {
      const one = [...kept].find(room) ?? open()
      const isReused = one.hasServed
      one.streams++
      one.hasServed = true
      let isDone = false
      return {
        session: one.session,
        isReused,
        done() {
          if (!isDone) one.streams--
          isDone = true
        },
      }
    },
    close() {
      for (const { session } of kept) session.close()
      kept.clear()
    },
  }
}
