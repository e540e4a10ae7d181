/** Asks a process whether it is ready, and finds out why not. Decides nothing about restarts. */
import { request } from 'node:http'
import { connect } from 'node:net'
import { listeningAddresses, sessionMembers } from './processes.ts'
import type { Problem } from './shapes.ts'

/** `refused`: nobody listens on the port. `answered`: it listens, but the answer is not a good one. */
export type Health = { ok: true } | { ok: false; kind: 'refused' | 'answered' | 'silent'; detail: string }

const CHECK_MILLISECONDS = 5000

/** One check: the HTTP path answers 2xx or 3xx, or, without a path, the port accepts a connection. */
export function checkHealth(port: number, path: string | undefined, signal: AbortSignal): Promise<Health> {
  return path === undefined ? checkPort(port, signal) : checkPath(port, path, signal)
}

function checkPort(port: number, signal: AbortSignal): Promise<Health> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: CHECK_MILLISECONDS, signal })
    const end = (health: Health) => {
      socket.destroy()
      resolve(health)
    }
    socket.on('connect', () => end({ ok: true }))
    socket.on('timeout', () =>
      end({ ok: false, kind: 'silent', detail: 'the port does not accept connections' }),
    )
    socket.on('error', (error) => end({ ok: false, kind: 'refused', detail: error.message }))
  })
}

function checkPath(port: number, path: string, signal: AbortSignal): Promise<Health> {
  return new Promise((resolve) => {
    // A timer of its own: signals combined with one that lives long stay in memory as long as that one.
    let late = false
    const timer = setTimeout(() => {
      late = true
      check.destroy(new Error('no answer'))
    }, CHECK_MILLISECONDS)
    const check = request(
      {
        host: '127.0.0.1',
        port,
        path,
        agent: false,
        headers: { host: 'localhost', 'user-agent': 'towpath-health', connection: 'close' },
        signal,
      },
      (response) => {
        const status = response.statusCode ?? 0
        const ok = status >= 200 && status < 400
        resolve(ok ? { ok } : { ok, kind: 'answered', detail: `${path} answered ${status}` })
        response.destroy()
        clearTimeout(timer)
      },
    )
    check.on('error', (error) => {
      clearTimeout(timer)
      if (late)
        resolve({
          ok: false,
          kind: 'silent',
          detail: `${path} did not answer within ${CHECK_MILLISECONDS / 1000} s`,
        })
      else resolve({ ok: false, kind: 'refused', detail: error.message })
    })
    check.end()
  })
}

/** Why a process that should listen on `port` is not ready; `leader` leads its session. */
export async function explainSilence(
  leader: number,
  port: number,
  health: Health,
  seconds: number,
): Promise<Problem> {
  const addresses = await listeningAddresses(await sessionMembers(leader))
  const right = addresses.filter((one) => one.port === port)
  if (!health.ok && (health.kind === 'answered' || (health.kind === 'silent' && right.length > 0))) {
    return {
      code: 'unhealthy',
      message: `it listens on port ${port}, but its health check fails: ${health.detail}`,
      hint: 'tow logs shows what it wrote; the path is `health` in tow.yaml',
    }
  }
  if (right.length > 0 && right.every((one) => one.family === 6)) {
    return {
      code: 'only-ipv6',
      message: `it listens on port ${port} of IPv6 alone (${right[0]!.address}), where nothing reaches it`,
      hint: 'listen on 0.0.0.0 or 127.0.0.1, not on "localhost" or "::1"',
    }
  }
  const others = [...new Set(addresses.map((one) => one.port))].sort((a, b) => a - b)
  if (right.length === 0 && others.length > 0) {
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
