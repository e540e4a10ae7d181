/**
 * Starts the command with pipes for what it writes; and its next life before its turn, which waits with Node started and is
 * told to go on over a channel of its own. When the shim is gone the channel ends, and so does whoever waits at it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { AHEAD_CHANNEL, AHEAD_WORD, type ChildHandlers, type ShimSpec } from './spec.ts'

export function startWithPipes(spec: ShimSpec, handlers: ChildHandlers): void {
  follow(spawnCommand(spec, spec.env, []), handlers)
}

export function beginAhead(spec: ShimSpec): ChildProcess {
  const app = spawnCommand(spec, { ...spec.env, ...spec.ahead }, ['pipe'])
  app.on('error', () => {})
  channelOf(app)?.on('error', () => {})
  return app
}

export const stillWaits = ({ pid, exitCode, signalCode }: ChildProcess) =>
  pid !== undefined && exitCode === null && signalCode === null

/** `missed` is told before it is told that it ended, where it ended without having gone on. */
export function goOn(app: ChildProcess, handlers: ChildHandlers, missed: () => void): void {
  const channel = channelOf(app)!
  let hasBegun = false
  channel.on('data', () => {
    hasBegun = true
  })
  channel.write(`${AHEAD_WORD}\n`)
  follow(app, {
    ...handlers,
    async exited(code, signal) {
      // What it said last may be heard after it has ended, and that it ended after all has been heard.
      if (!channel.closed) await new Promise((resolve) => channel.once('close', resolve))
      if (!hasBegun) missed()
      handlers.exited(code, signal)
    },
  })
}

const channelOf = (app: ChildProcess) => app.stdio[AHEAD_CHANNEL] as Duplex | undefined

function spawnCommand(spec: ShimSpec, env: Record<string, string>, more: 'pipe'[]): ChildProcess {
  return spawn('/bin/sh', ['-c', spec.command], {
    cwd: spec.cwd,
    env,
    detached: true,
    stdio: [spec.stdin ? 'pipe' : 'ignore', 'pipe', 'pipe', ...more],
    ...(spec.uid === null ? {} : { uid: spec.uid }),
    ...(spec.gid === null ? {} : { gid: spec.gid }),
  })
}

function follow(app: ChildProcess, handlers: ChildHandlers): void {
  app.on('error', (error) => handlers.failed(error))
  app.stdout!.on('data', (data) => handlers.output('o', data))
  app.stderr!.on('data', (data) => handlers.output('e', data))
  app.on('exit', (code, signal) => handlers.exited(code, signal))
  app.on('close', () => handlers.closed())
  app.stdin?.on('error', () => {})
  if (app.pid === undefined) return
  handlers.started({
    pid: app.pid,
    write: (data) => void app.stdin?.write(data),
    end: () => void app.stdin?.end(),
    resize: () => {},
    pause: () => [app.stdout!, app.stderr!].forEach((stream) => void stream.pause()),
    resume: () => [app.stdout!, app.stderr!].forEach((stream) => void stream.resume()),
  })
}
