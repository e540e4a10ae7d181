/**
 * Both ends of a job's terminal or pipes. Output that nobody may miss: a job with input begins only when the first
 * client is there (the chart's shell waits for a line); one without is read from its log.
 */
import { TowError } from '../../../api/errors.ts'
import type { Attachment, JobStatus } from '../../engine.ts'
import type { Cluster } from '../cluster/connect.ts'
import { objectPath } from '../cluster/kinds.ts'
import type { Pod } from '../cluster/objects.ts'
import { CHANNEL, closeInput, messages, PROTOCOL, send } from './channels.ts'
import { execute } from './exec.ts'

export interface AttachOptions {
  cluster: Cluster
  pod: Pod
  /** How the job was asked for. */
  tty: boolean
  stdin: boolean
  /** The first client of this job: it is told to begin. */
  isFirst: boolean
  /** Settles when the job is over. */
  over(signal: AbortSignal): Promise<JobStatus>
}

const SIGNAL_MILLISECONDS = 10_000

export async function attachToPod(options: AttachOptions): Promise<Attachment> {
  const { cluster, pod, tty, stdin } = options
  const stopping = new AbortController()
  const path = objectPath('Pod', cluster.namespace, pod.metadata.name)
  const isInteractive = tty || stdin
  const socket = isInteractive ? await cluster.socket(`${path}/attach`, attachQuery(tty), PROTOCOL) : null
  const output = socket ? fromSocket(messages(socket)) : fromLog(cluster, path, stopping.signal)
  if (socket && options.isFirst) send(socket, CHANNEL.stdin, Buffer.from('\n'))
  const done = options.over(stopping.signal)
  done.catch(() => {})

  return {
    output,
    write: (data) => void (socket && send(socket, CHANNEL.stdin, data)),
    end() {
      // A terminal has no end of input but the character that says so.
      if (socket && tty) send(socket, CHANNEL.stdin, Buffer.of(4))
      else if (socket) closeInput(socket)
    },
    resize(columns, rows) {
      if (socket) send(socket, CHANNEL.resize, Buffer.from(JSON.stringify({ Width: columns, Height: rows })))
    },
    signal(name) {
      if (name === 'SIGINT' && socket && tty) send(socket, CHANNEL.stdin, Buffer.of(3))
      else void sendSignal(cluster, pod.metadata.name, name).catch(() => {})
    },
    done,
    detach() {
      stopping.abort(new TowError('CANCELLED', 'detached; the job goes on'))
      socket?.terminate()
    },
  }
}

function attachQuery(tty: boolean): URLSearchParams {
  return new URLSearchParams({
    container: 'app',
    stdin: 'true',
    stdout: 'true',
    // A terminal has one stream for both.
    stderr: String(!tty),
    tty: String(tty),
  })
}

async function* fromSocket(incoming: ReturnType<typeof messages>): Attachment['output'] & AsyncGenerator {
  for await (const { channel, data } of incoming) {
    if (data.length === 0) continue
    if (channel === CHANNEL.stdout) yield { stream: 'stdout' as const, data }
    else if (channel === CHANNEL.stderr) yield { stream: 'stderr' as const, data }
  }
}

async function* fromLog(
  cluster: Cluster,
  pod: string,
  signal: AbortSignal,
): Attachment['output'] & AsyncGenerator {
  try {
    const stream = await cluster.stream(`${pod}/log`, { container: 'app', follow: true }, signal)
    for await (const data of stream) yield { stream: 'stdout' as const, data: data as Uint8Array }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** To everything in the container but the shell that supervises. */
function sendSignal(cluster: Cluster, pod: string, name: string): Promise<unknown> {
  const script = `kill -${name.slice(3)} -- -1`
  return execute(cluster, pod, ['sh', '-c', script], SIGNAL_MILLISECONDS)
}
