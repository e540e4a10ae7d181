/**
 * Syslog as RFC 5424 writes it, each message led by its length (RFC 5425 over TLS, RFC 6587 over TCP). Syslog has no
 * answer, so every batch has a connection of its own: the receiver that closes it after our end has read all of it.
 */
import { connect as connectPlain, isIP, type Socket } from 'node:net'
import { connect as connectSecure } from 'node:tls'
import type { LogLine } from '../../../api/logs.ts'
import { trusted, versionOf } from './otlp.ts'
import { ANSWER_WITHIN, type Send, SendFailure } from './send.ts'

/** local0, the facility for what no standard names. */
const FACILITY = 16
const SEVERITY = { warning: 4, notice: 5, informational: 6 }
/** Private enterprise number that RFC 5612 sets aside for documentation: the project has none of its own. */
const STRUCTURE = 'towpath@32473'
const CLOSED_WITHIN = 10_000

export function syslogMessage(line: LogLine): string {
  const severity =
    line.missing !== undefined
      ? SEVERITY.warning
      : line.stream === 'platform'
        ? SEVERITY.notice
        : SEVERITY.informational
  const facts = {
    id: line.id,
    environment: line.environment,
    release: versionOf(line),
    ...(line.space === undefined ? {} : { space: line.space }),
    stream: line.stream,
  }
  const shown = Object.entries(facts).map(([name, value]) => `${name}="${value.replace(/["\\\]]/g, '\\$&')}"`)
  const missing = line.missing === undefined ? '' : ` missing="${line.missing}"`
  const header = [
    `<${FACILITY * 8 + severity}>1`,
    line.at,
    field(line.environment, 255),
    field(line.app, 48),
    field(line.instance, 128),
    field(line.process, 32),
  ].join(' ')
  return `${header} [${STRUCTURE} ${shown.join(' ')}${missing}] ${line.text}`
}

/** Printable ASCII without spaces. */
function field(value: string, most: number): string {
  return value.replace(/[^\x21-\x7e]/g, '?').slice(0, most) || '-'
}

/** Octet counting: the length in bytes, a space, the message. */
export function syslogFrame(message: string): Buffer {
  const bytes = Buffer.from(message)
  return Buffer.concat([Buffer.from(`${bytes.length} `), bytes])
}

export function openSyslog(to: { host: string; port: number; tls: boolean; authorities?: string }): Send {
  return async (lines, signal) => {
    const ca = to.authorities === undefined ? undefined : await trusted(to.authorities)
    const body = Buffer.concat(lines.map((line) => syslogFrame(syslogMessage(line))))
    await new Promise<void>((resolve, reject) => {
      const { host, port } = to
      const socket: Socket = to.tls
        ? connectSecure({ host, port, ...(isIP(host) ? {} : { servername: host }), ...(ca ? { ca } : {}) })
        : connectPlain({ host, port })
      let flushed = false
      const leave = () => socket.destroy(new SendFailure('sending was stopped'))
      signal.addEventListener('abort', leave, { once: true })
      // Whoever neither closes nor breaks has taken all that can be known of.
      socket.setTimeout(ANSWER_WITHIN, () => socket.destroy(new SendFailure('the receiver does not read')))
      socket.once(to.tls ? 'secureConnect' : 'connect', () => {
        socket.end(body, () => {
          flushed = true
          socket.setTimeout(CLOSED_WITHIN, () => socket.destroy())
        })
      })
      socket.on('error', reject)
      socket.on('close', () => {
        signal.removeEventListener('abort', leave)
        if (flushed) resolve()
        else reject(new SendFailure('the receiver closed the connection before it had all'))
      })
      // What a receiver says is of no interest, but its end is only seen when it is read.
      socket.resume()
    })
    return { refused: 0 }
  }
}
