/** A stream to a port of a pod, as kubectl's port-forward opens it. */
import { Duplex } from 'node:stream'
import { TowError } from '../../../api/errors.ts'
import type { ForwardPort, Target } from '../../engine.ts'
import type { Cluster } from '../cluster/connect.ts'
import { objectPath } from '../cluster/kinds.ts'
import type { Pod } from '../cluster/objects.ts'
import { noSet } from '../messages.ts'
import { isOver, isReady, isStopping, processNameOf, setOf } from '../observe/pods.ts'
import { messages, send } from './channels.ts'

/** Two channels per port, data and errors; the first message of each repeats the number of the port. */
const DATA = 0
const ERROR = 1
const PROTOCOL = 'v4.channel.k8s.io'
/** That nothing listens is told this soon after the greeting; that something does is told by nothing. */
const REFUSED_WITHIN_MS = 150

interface ForwardOrder {
  target: Target
  set: string
  process: string
  port: ForwardPort
}

/** To a pod that is ready, else to one that has begun: a debugger is asked for also while nothing answers yet. */
export async function forward(cluster: Cluster, pods: readonly Pod[], order: ForwardOrder): Promise<Duplex> {
  const { target, set, process, port } = order
  const ofSet = pods.filter((pod) => setOf(pod) === set && !isStopping(pod) && !isOver(pod))
  if (ofSet.length === 0) throw noSet(target, set)
  const candidates = ofSet.filter((pod) => processNameOf(pod) === process)
  const pod = candidates.find(isReady) ?? candidates[0]
  if (!pod) throw new TowError('NOT_FOUND', `no ${process} of ${set} runs`)
  const number = typeof port === 'number' ? port : toldPort(pod, port === 'given' ? 'PORT' : 'TOW_DEBUG_PORT')
  if (number === null) throw noPort(order)
  const { stream, refused } = await openForward(cluster, pod.metadata.name, number)
  const cause = await refused
  if (cause === null) return stream
  throw new TowError('UNAVAILABLE', `${process} of ${set} does not listen on port ${number}`, {
    hint: 'tow logs tells whether it came up, and where it listens',
    cause,
  })
}

/** As the container finds it in its environment. */
function toldPort(pod: Pod, name: string): number | null {
  const app = pod.spec.containers.find((one) => one.name === 'app')
  return Number(app?.env?.find((one) => one.name === name)?.value) || null
}

function noPort({ set, process, port }: ForwardOrder): TowError {
  return port === 'debug'
    ? new TowError('REFUSED', `${process} of ${set} follows no files, so it has no port for a debugger`, {
        hint: 'tow dev --debug',
      })
    : new TowError('BAD_INPUT', `${process} of ${set} was given no port: name one`)
}

export async function forwardToPod(cluster: Cluster, pod: string, port: number): Promise<Duplex> {
  return (await openForward(cluster, pod, port)).stream
}

interface Opened {
  stream: Duplex
  /** Why nobody is at the other end; null once somebody seems to be. */
  refused: Promise<Error | null>
}

async function openForward(cluster: Cluster, pod: string, port: number): Promise<Opened> {
  const query = new URLSearchParams({ ports: String(port) })
  const path = `${objectPath('Pod', cluster.namespace, pod)}/portforward`
  const socket = await cluster.socket(path, query, PROTOCOL)
  const incoming = messages(socket)
  const greeted = new Set<number>()
  const refused = Promise.withResolvers<Error | null>()
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
  // It may end before anybody has begun to use it.
  stream.on('error', () => {})
  void (async () => {
    for await (const { channel, data } of incoming) {
      const isGreeting = !greeted.has(channel)
      greeted.add(channel)
      if (isGreeting && channel === ERROR) setTimeout(() => refused.resolve(null), REFUSED_WITHIN_MS)
      if (isGreeting || data.length === 0) continue
      if (channel === ERROR) {
        const error = new Error(`port ${port} of ${pod}: ${data.toString().trim()}`)
        refused.resolve(error)
        stream.destroy(error)
        return
      }
      refused.resolve(null)
      if (!stream.push(data)) socket.pause()
    }
    refused.resolve(null)
    stream.push(null)
  })()
  return { stream, refused: refused.promise }
}
