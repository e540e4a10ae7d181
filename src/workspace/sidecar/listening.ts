/**
 * Whether anything listens on a port of this machine's own network. Told by connecting: the kernel's table of sockets would
 * tell it without asking anybody, but is as long as the whole machine's, and reading it takes milliseconds of a processor.
 */
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'

const LOOPBACK = '127.0.0.1'

/** Most listen everywhere, so that one address tells; `anywhere`: some on another one alone. */
export async function isListening(port: number, anywhere: boolean): Promise<boolean> {
  const hosts = anywhere ? [LOOPBACK, '::1', ...ownAddresses()] : [LOOPBACK]
  for (const host of hosts) if (await takes(host, port)) return true
  return false
}

const ownAddresses = () =>
  Object.values(networkInterfaces()).flatMap((all = []) =>
    all.filter(({ internal, scopeid }) => !internal && !scopeid).map(({ address }) => address),
  )

function takes(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    socket
      .once('error', () => resolve(false))
      .once('connect', () => {
        resolve(true)
        socket.destroy()
      })
  })
}
