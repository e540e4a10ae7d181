/** Starts the command in a terminal of its own. Loaded only where one is asked for. */
import { constants } from 'node:os'
import { spawn } from '@lydell/node-pty'
import type { ChildHandlers, ShimSpec } from './spec.ts'

export function startInTerminal(spec: ShimSpec, handlers: ChildHandlers): void {
  const terminal = spawn('/bin/sh', ['-c', spec.command], {
    name: spec.env.TERM ?? 'xterm-256color',
    cols: spec.tty!.columns,
    rows: spec.tty!.rows,
    cwd: spec.cwd,
    env: spec.env,
    encoding: null,
    ...(spec.uid === null ? {} : { uid: spec.uid }),
    ...(spec.gid === null ? {} : { gid: spec.gid }),
  })
  // With no encoding it hands out buffers, whatever its types say.
  terminal.onData((data) => handlers.output('o', Buffer.from(data as unknown as Uint8Array)))
  terminal.onExit(({ exitCode, signal }) => {
    const name = Object.entries(constants.signals).find(([, number]) => number === signal)?.[0] ?? null
    handlers.exited(name === null ? exitCode : null, name)
    handlers.closed()
  })
  handlers.started({
    pid: terminal.pid,
    write: (data) => terminal.write(Buffer.from(data) as unknown as string),
    // Ctrl-D: what a terminal understands as the end of input.
    end: () => terminal.write('\x04'),
    resize: (columns, rows) => terminal.resize(columns, rows),
    pause: () => terminal.pause(),
    resume: () => terminal.resume(),
  })
}
