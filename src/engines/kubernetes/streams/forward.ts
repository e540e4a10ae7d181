/** A stream to a port of a pod, as kubectl's port-forward opens it. */
import { Duplex } from 'node:stream'
import type { Cluster } from '../cluster/connect.ts'
import { objectPath } from '../cluster/kinds.ts'
import { messages, send } from './channels.ts'

/** Two channels per port, data and errors; the first message of each repeats the number of the port. */
const DATA = 0
const ERROR = 1
const PROTOCOL = 'v4.channel.k8s.io'

export async function forwardToPod(cluster: Cluster, pod: string, port: number): Promise<Duplex> {
  const query = new URLSearchParams({ ports: String(port) })
  const path = `${objectPath('Pod', cluster.namespace, pod)}/portforward`
  const socket = await cluster.socket(path, query, PROTOCOL)
  const incoming = messages(socket)
  const greeted = new Set<number>()
  const stream = new Duplex({
    allowHalfOpen: false,
    read: () => socket.resume(),
    write(chunk: Buffer, _encoding, done) {
      send(socket, DATA, chunk, done)
    },
    destroy(error, done) {
      socket.terminate()
      done(error)
    },
  })
  void (async () => {
    for await (const { channel, data } of incoming) {
      const isGreeting = !greeted.has(channel)
      greeted.add(channel)
      if (isGreeting || data.length === 0) continue
      if (channel === ERROR) {
        stream.destroy(new Error(`port ${port} of ${pod}: ${data.toString().trim()}`))
        return
      }
      if (!stream.push(data)) socket.pause()
    }
    stream.push(null)
  })()
  return stream
}
