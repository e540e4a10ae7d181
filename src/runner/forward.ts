/** The way to a port of a process: only to one that it listens on itself, not to whatever else this machine has. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { TowError } from '../api/errors.ts'
import type { Live } from './live.ts'
import { isStrangersPort } from './processes.ts'
import type { ForwardOrder } from './shapes.ts'

/** Connected to it. NOT_FOUND where no such process runs, UNAVAILABLE where it does not listen there. */
export async function openForward(lives: readonly Live[], order: ForwardOrder): Promise<Socket> {
  const live = chosen(lives, order)
  const { record, state } = live.running
  const port = order.port === 'given' ? record.port : order.port === 'debug' ? record.debugPort : order.port
  if (port === null || port === undefined) throw noPort(order)
  const socket = connect({ host: '127.0.0.1', port })
  await once(socket, 'connect').catch((cause) => {
    throw silent(order, port, cause)
  })
  const leader = state()?.app.pid
  if (leader !== undefined && !(await isStrangersPort(leader, port))) return socket
  socket.destroy()
  throw silent(order, port)
}

/** One that is healthy, else one that has begun: a debugger is asked for also while nothing answers yet. */
function chosen(lives: readonly Live[], { set, process }: ForwardOrder): Live {
  const candidates = lives.filter(
    ({ running: { record }, phase }) =>
      record.set === set && record.process === process && phase !== 'stopping',
  )
  const best = candidates.find(({ phase }) => phase === 'healthy') ?? candidates[0]
  if (!best) throw new TowError('NOT_FOUND', `no ${process} of ${set} runs`)
  return best
}

function noPort({ set, process, port }: ForwardOrder): TowError {
  return port === 'debug'
    ? new TowError('REFUSED', `${process} of ${set} follows no files, so it has no port for a debugger`, {
        hint: 'tow dev --debug',
      })
    : new TowError('BAD_INPUT', `${process} of ${set} was given no port: name one`)
}

const silent = ({ set, process }: ForwardOrder, port: number, cause?: unknown) =>
  new TowError('UNAVAILABLE', `${process} of ${set} does not listen on port ${port}`, {
    hint: 'tow logs tells whether it came up, and where it listens',
    cause,
  })
