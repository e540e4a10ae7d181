/** Both ends of a job that runs in the runner, over one framed stream. */
import type { Duplex } from 'node:stream'
import { TowError } from '../../api/errors.ts'
import { createFrameReader, encodeFrame, FRAME } from '../../runner/protocol.ts'
import type { Attachment, JobStatus } from '../engine.ts'

type Output = { stream: 'stdout' | 'stderr'; data: Uint8Array }

/** `status` is asked when the stream ends without saying how the job did: the runner may have been restarted. */
export function attachTo(socket: Duplex, status: () => Promise<JobStatus | null>): Attachment {
  const read = createFrameReader()
  let finished: ((status: JobStatus) => void) | null = null
  let failed: ((error: unknown) => void) | null = null
  let detached = false
  const done = new Promise<JobStatus>((resolve, reject) => {
    finished = resolve
    failed = reject
  })
  done.catch(() => {})

  async function* output(): AsyncGenerator<Output> {
    let over = false
    try {
      for await (const chunk of socket) {
        for (const { kind, payload } of read(chunk)) {
          if (kind === FRAME.stdout) yield { stream: 'stdout', data: payload }
          else if (kind === FRAME.stderr) yield { stream: 'stderr', data: payload }
          else if (kind === FRAME.done) {
            over = true
            finished!(JSON.parse(payload.toString()) as JobStatus)
          }
        }
      }
    } catch {
      // Cut off: asked below.
    }
    if (over) return
    if (detached) return failed!(new TowError('CANCELLED', 'detached; the job goes on'))
    await settle()
  }

  async function settle(): Promise<void> {
    try {
      const now = await status()
      if (now && now.state !== 'running') finished!(now)
      else
        failed!(
          new TowError('UNAVAILABLE', 'the connection to the job was lost; it goes on', { hint: 'tow ps' }),
        )
    } catch (error) {
      failed!(error)
    }
  }

  socket.on('error', () => {})
  return {
    output: output(),
    write: (data) => void socket.write(encodeFrame(FRAME.input, data)),
    end: () => void socket.write(encodeFrame(FRAME.endOfInput)),
    resize: (columns, rows) =>
      void socket.write(encodeFrame(FRAME.resize, JSON.stringify({ columns, rows }))),
    signal: (name) => void socket.write(encodeFrame(FRAME.signal, name)),
    done,
    detach() {
      detached = true
      socket.destroy()
    },
  }
}
