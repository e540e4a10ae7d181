/** Why a process that takes traffic is not ready although its time is over: what it listens on says it. Pure. */
import type { Problem } from '../../engine.ts'

export interface Listening {
  /** `4` or `6`. */
  family: 4 | 6
  port: number
  /** Reached from this container alone. */
  isLocal: boolean
}

/** What `cat /proc/net/tcp /proc/net/tcp6` says; entries of both files have the same columns. */
export function listeningSockets(text: string): Listening[] {
  return text.split('\n').flatMap((line): Listening[] => {
    const match = /^\s*\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) \S+ 0A /.exec(line)
    if (!match) return []
    const [, address, port] = match as unknown as [string, string, string]
    const family = address.length === 8 ? 4 : 6
    // Bytes of each word are reversed: 127.0.0.1 is 0100007F, ::1 ends in 01000000.
    const isLocal = family === 4 ? address.endsWith('7F') : address === `${'0'.repeat(24)}01000000`
    return [{ family, port: Number.parseInt(port, 16), isLocal }]
  })
}

export function explainSilence(
  sockets: readonly Listening[] | null,
  facts: { port: number; health: string | undefined; seconds: number; warning: string | undefined },
): Problem {
  const { port, health, seconds, warning } = facts
  const status = /statuscode: (\d+)/.exec(warning ?? '')?.[1]
  const mine = sockets?.filter((one) => one.port === port) ?? []
  const isReached = mine.some((one) => !one.isLocal)
  if (status !== undefined || isReached) {
    const detail = status ? `${health ?? 'it'} answered ${status}` : `${health ?? 'the port'} does not answer`
    return {
      code: 'unhealthy',
      message: `it listens on port ${port}, but its health check fails: ${detail}`,
      hint: 'tow logs shows what it wrote; the path is `health` in tow.yaml',
    }
  }
  if (mine.length > 0 && mine.every((one) => one.family === 6)) {
    return {
      code: 'only-ipv6',
      message: `it listens on port ${port} of IPv6 alone (::1), where nothing reaches it`,
      hint: 'listen on 0.0.0.0, not on "localhost" or "::1"',
    }
  }
  if (mine.length > 0) {
    return {
      code: 'only-local',
      message: `it listens on port ${port} of 127.0.0.1 alone, where nothing outside its pod reaches it`,
      hint: 'listen on 0.0.0.0, not on "localhost" or "127.0.0.1"',
    }
  }
  const others = [...new Set(sockets?.map((one) => one.port) ?? [])].sort((a, b) => a - b)
  if (others.length > 0) {
    return {
      code: 'wrong-port',
      message: `it listens on port ${others.join(', ')}, but $PORT says ${port}`,
      hint: 'listen on the port in the environment variable PORT',
    }
  }
  return {
    code: 'not-listening',
    message: `it does not listen on port ${port} ($PORT) after ${seconds} s`,
    hint: 'listen on the port in the environment variable PORT; a slow start needs a larger boot time-out',
  }
}
