/**
 * What a life that is begun before its turn gives: a small Node app that ends and is started anew, beside one that waits with
 * Node started and only has to load the app; and what that costs while it waits.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { aheadEnvironment, WAITS } from '../src/workspace/ahead.ts'
import type { Figure } from './figures.ts'

const PORT = 39_110
const STARTS = 30

function listens(): Promise<boolean> {
  return new Promise((resolve) => {
    get({ host: '127.0.0.1', port: PORT, agent: false }, (response) => {
      response.resume()
      resolve(true)
    }).on('error', () => resolve(false))
  })
}

async function untilListening(): Promise<void> {
  while (!(await listens())) await delay(1)
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}

/** Pages that nobody else has, too: what one more process really takes. */
function megabytes(child: ChildProcess): number {
  const text = readFileSync(`/proc/${child.pid}/smaps_rollup`, 'utf8')
  return Number(/^Pss:\s+(\d+)/m.exec(text)![1]) / 1024
}

export async function measureSpare(folder: string): Promise<Figure[]> {
  const file = join(folder, 'server.js')
  const options = { cwd: folder, env: { ...process.env, PORT: String(PORT) } }
  const app = () => spawn(process.execPath, [file], { ...options, stdio: 'ignore' })
  const waits = join(folder, '..', 'ahead.cjs')
  writeFileSync(waits, WAITS)
  const env = { ...options.env, ...aheadEnvironment(waits, 3, 3, 'go') }
  const spare = () =>
    spawn(process.execPath, [file], { ...options, env, stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
  const anew: number[] = []
  const ahead: number[] = []
  const held: number[] = []
  for (let at = 0; at < STARTS; at++) {
    const before = app()
    await untilListening()
    const begin = performance.now()
    await end(before)
    const after = app()
    await untilListening()
    anew.push(performance.now() - begin)
    const waiting = spare()
    await delay(300)
    held.push(megabytes(waiting))
    const next = performance.now()
    await end(after)
    const channel = waiting.stdio[3] as Duplex
    channel.resume().write('go\n')
    await untilListening()
    ahead.push(performance.now() - next)
    await end(waiting)
  }
  return [
    { what: 'ended and started anew → answers', unit: 'ms', values: anew },
    { what: 'ended, and the one that waits takes its place → answers', unit: 'ms', values: ahead },
    { what: 'memory of one that waits (PSS)', unit: 'MB', values: held },
  ]
}
