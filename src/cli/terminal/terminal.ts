/** Data goes to stdout, progress and everything else to stderr; colour only where a person looks and wants it. */
import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

export interface Terminal {
  /** A person is looking at stderr, so it may be redrawn. */
  live: boolean
  /** A person can be asked. */
  interactive: boolean
  columns: number
  /** To stdout, with a line end. */
  print(text: string): void
  /** To stdout, as it is. */
  write(data: string | Uint8Array): void
  /** To stderr, with a line end. */
  say(text: string): void
  draw(text: string): void
  /** Coloured when stdout shows colours. */
  paint(style: Style, text: string): string
  /** Coloured when stderr shows colours. */
  tint(style: Style, text: string): string
}

interface Streams {
  stdin: NodeJS.ReadStream
  stdout: NodeJS.WriteStream
  stderr: NodeJS.WriteStream
  env: NodeJS.ProcessEnv
}

export function createTerminal({ stdin, stdout, stderr, env }: Streams): Terminal {
  const colours = (stream: NodeJS.WriteStream) => {
    if (env.NO_COLOR) return false
    if (env.FORCE_COLOR && env.FORCE_COLOR !== '0') return true
    return stream.isTTY === true && env.TERM !== 'dumb'
  }
  const style = (enabled: boolean) => (kind: Style, text: string) =>
    enabled ? styleText(kind, text, { validateStream: false }) : text
  return {
    live: stderr.isTTY === true && env.TERM !== 'dumb' && !env.CI,
    interactive: stdin.isTTY === true && stderr.isTTY === true && !env.CI,
    get columns() {
      return stderr.columns ?? 100
    },
    print: (text) => void stdout.write(`${text}\n`),
    write: (data) => void stdout.write(data),
    say: (text) => void stderr.write(`${text}\n`),
    draw: (text) => void stderr.write(text),
    paint: style(colours(stdout)),
    tint: style(colours(stderr)),
  }
}

export function printJson(terminal: Terminal, value: unknown): void {
  terminal.print(JSON.stringify(value, null, 2))
}
