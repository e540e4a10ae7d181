/**
 * The agent beside one process of a pod. The process runs in another container, under a few lines of shell that start it
 * anew whenever a line comes through a pipe that both share, and say so through another.
 */
import { createReadStream, createWriteStream } from 'node:fs'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { TowError } from '../../api/errors.ts'
import { openAgent } from '../agent.ts'

export interface SidecarOptions {
  /** The workspace, and what is remembered of it; on one file system. */
  folder: string
  state: string
  /** Pipes to and from whoever starts the process. */
  ask: string
  said: string
  /** Name of the process; null where it reloads by itself. */
  restarts: string | null
  port: number
}

export interface Sidecar {
  close(): void
}

const BEGIN_MILLISECONDS = 30_000

export async function startSidecar(options: SidecarOptions): Promise<Sidecar> {
  const { folder, state, ask, said, restarts, port } = options
  // Both ways at once: a pipe that nobody holds open would end with its first reader.
  const asking = createWriteStream(ask, { flags: 'r+' })
  const lines = createInterface({ input: createReadStream(said, { flags: 'r+' }) })
  let begun: () => void = () => {}
  lines.on('line', (line) => {
    if (line === 'begun') begun()
  })

  async function restart(): Promise<string[]> {
    if (restarts === null) return []
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    begun = resolve
    const patience = setTimeout(reject, BEGIN_MILLISECONDS, notBegun(restarts))
    asking.write('restart\n')
    await promise.finally(() => clearTimeout(patience))
    return [restarts]
  }

  const agent = openAgent({ folder, state, uid: null, restart })
  const server = createServer({ noDelay: true }, (socket) => void agent.serve(socket))
  // Whoever may forward a port into this pod reaches it, and the app, whose workspace it is.
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    close() {
      server.close()
      lines.close()
      asking.destroy()
    },
  }
}

function notBegun(process: string): TowError {
  return new TowError('FAILED', `${process} did not start anew within ${BEGIN_MILLISECONDS / 1000} s`)
}
