/**
 * Whether a spare process started ahead would make a save live sooner: a small Node app that ends and is started anew,
 * beside one that waits with Node started already and only has to load the app; and what the spare costs while it waits.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Figure } from './figures.ts'

const PORT = 39_110
const STARTS = 30
/** Waits for the name of a file, and is that program from then on. */
const WAITS = `process.once('message', (file) => { process.disconnect(); import(file) })`

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
  const spare = () =>
    spawn(process.execPath, ['-e', WAITS], { ...options, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
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
    waiting.send(file)
    await untilListening()
    ahead.push(performance.now() - next)
    await end(waiting)
  }
  return [
    { what: 'ended and started anew → answers', unit: 'ms', values: anew },
    { what: 'ended, and a spare takes its place → answers', unit: 'ms', values: ahead },
    { what: 'memory of a spare that waits (PSS)', unit: 'MB', values: held },
  ]
}
