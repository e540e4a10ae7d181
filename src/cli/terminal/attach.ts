/** This terminal, joined to a run's: bytes both ways, window size, signals, and the end. */
import { WebSocket } from 'ws'
import { TowError } from '../../api/errors.ts'
import { STREAM_TAGS, TerminalEnd, type TerminalRequest } from '../../api/terminal.ts'
import type { Client } from '../../client/client.ts'

interface AttachOptions {
  /** Keys go through as they are typed, Ctrl-C too. */
  tty: boolean
  signal: AbortSignal
}

const { stdin, stdout, stderr } = process

export async function attachTerminal(
  client: Client,
  run: string,
  { tty, signal }: AttachOptions,
): Promise<TerminalEnd> {
  const { url, headers } = client.door.webSocket(`/runs/${run}/terminal`)
  const socket = new WebSocket(url, { headers })
  const send = (message: TerminalRequest) => socket.send(JSON.stringify(message))
  const resize = () => send({ type: 'resize', columns: stdout.columns, rows: stdout.rows })
  // Without a terminal Ctrl-C is a signal to us; the run gets it, and its end is ours.
  const interrupt = () => send({ type: 'signal', name: 'SIGINT' })
  const type = (data: Uint8Array) => socket.send(data)
  const finish = () => send({ type: 'end' })

  function begin() {
    if (tty) {
      stdin.setRawMode(true)
      stdout.on('resize', resize)
      resize()
    }
    stdin.on('data', type)
    stdin.on('end', finish)
    signal.addEventListener('abort', interrupt)
  }

  function restore() {
    if (tty) stdin.setRawMode(false)
    stdout.off('resize', resize)
    stdin.off('data', type)
    stdin.off('end', finish)
    signal.removeEventListener('abort', interrupt)
    stdin.pause()
  }

  return new Promise<TerminalEnd>((resolve, reject) => {
    let end: TerminalEnd | null = null
    socket.on('open', begin)
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      if (isBinary) (data[0] === STREAM_TAGS.stderr ? stderr : stdout).write(data.subarray(1))
      else end = TerminalEnd.parse(JSON.parse(data.toString('utf8')))
    })
    socket.on('error', (cause) => {
      restore()
      reject(
        new TowError('UNAVAILABLE', `the connection to ${run} failed: ${cause.message}`, {
          hint: 'tow status',
          cause,
        }),
      )
    })
    socket.on('close', () => {
      restore()
      if (end) resolve(end)
      else
        reject(
          new TowError('UNAVAILABLE', `the connection to ${run} was lost; it may still run`, {
            hint: 'tow status',
          }),
        )
    })
  })
}
