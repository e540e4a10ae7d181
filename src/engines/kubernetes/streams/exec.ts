/** One command beside a process, in its container. */
import { TowError } from '../../../api/errors.ts'
import type { Cluster } from '../cluster/connect.ts'
import { objectPath } from '../cluster/kinds.ts'
import { CHANNEL, closeInput, exitCodeOf, messages, PROTOCOL, send } from './channels.ts'

export interface Executed {
  exit: number | null
  stdout: string
  stderr: string
}

export async function execute(
  cluster: Cluster,
  pod: string,
  command: readonly string[],
  milliseconds: number,
  input?: AsyncIterable<Uint8Array>,
): Promise<Executed> {
  const query = new URLSearchParams({ container: 'app', stdout: 'true', stderr: 'true' })
  if (input) query.set('stdin', 'true')
  for (const word of command) query.append('command', word)
  const socket = await cluster.socket(`${objectPath('Pod', cluster.namespace, pod)}/exec`, query, PROTOCOL)
  const timer = setTimeout(() => socket.terminate(), milliseconds)
  const output = { exit: null as number | null, stdout: '', stderr: '' }
  let isDone = false
  try {
    const reading = (async () => {
      for await (const { channel, data } of messages(socket)) {
        if (channel === CHANNEL.stdout) output.stdout += data.toString()
        else if (channel === CHANNEL.stderr) output.stderr += data.toString()
        else if (channel === CHANNEL.status) {
          output.exit = exitCodeOf(data)
          isDone = true
        }
      }
    })()
    if (input) {
      for await (const chunk of input) {
        send(socket, CHANNEL.stdin, chunk)
        while (socket.bufferedAmount > MOST_BUFFERED && !isDone)
          await new Promise((resolve) => setImmediate(resolve))
      }
      closeInput(socket)
    }
    await reading
  } finally {
    clearTimeout(timer)
    socket.terminate()
  }
  if (!isDone)
    throw new TowError('UNAVAILABLE', `the connection to ${pod} was lost before the command had ended`)
  return output
}

const MOST_BUFFERED = 4 << 20
