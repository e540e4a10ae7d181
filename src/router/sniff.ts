/** Which protocol a new connection speaks, told by its first three bytes, without taking them away. */
import type { Socket } from 'node:net'

/** How every HTTP/2 connection without TLS begins (RFC 9113, 3.4); no method of HTTP/1 does. */
const PREFACE = Buffer.from('PRI')

/** Calls `decided` once, with the socket as if nothing had been read. A client that says nothing is let go. */
export function sniff(socket: Socket, withinMs: number, decided: (isHttp2: boolean) => void): void {
  let seen = Buffer.alloc(0)
  const give = () => socket.destroy()
  const timer = setTimeout(give, withinMs)
  const stop = () => {
    clearTimeout(timer)
    socket.off('readable', look).off('end', give).off('error', give).off('close', stop)
  }
  function look() {
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) {
      seen = seen.length ? Buffer.concat([seen, chunk]) : chunk
    }
    if (seen.length === 0) return
    const known = Math.min(seen.length, PREFACE.length)
    const isPreface = seen.compare(PREFACE, 0, known, 0, known) === 0
    if (isPreface && known < PREFACE.length) return
    stop()
    socket.unshift(seen)
    decided(isPreface)
  }
  socket.on('readable', look).on('end', give).on('error', give).on('close', stop)
}
