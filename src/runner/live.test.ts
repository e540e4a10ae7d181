import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import type { Running } from './launcher.ts'
import { type Live, watchLive } from './live.ts'
import { startOf } from './shim/identity.ts'

const HOUR = 3600_000

/** This process as an app that is to listen on `port`; the clock is set by `step` when it has looked twice. */
function starting(port: number, step: number) {
  let looks = 0
  const at = Date.now()
  const now = () => Date.now() + (looks++ > 1 ? step : 0)
  const self = { pid: process.pid, start: startOf(process.pid)! }
  const state = { app: self, shim: self, at }
  const running = {
    record: { port },
    started: Promise.resolve(state),
    state: () => state,
  } as unknown as Running
  const live: Live = {
    running,
    phase: 'starting',
    startedAt: at,
    healthySince: null,
    problem: null,
    intent: null,
    usage: null,
  }
  return { live, now }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

test.each([
  ['forward', HOUR],
  ['back', -HOUR],
])('a clock that is set %s while an app starts changes nothing about its time to start', async (_, step) => {
  const port = await freePort()
  const { live, now } = starting(port, step)
  const spec = { command: 'x', count: 1, bootSeconds: 60, graceSeconds: 1, surgePercent: 25 }
  const over = new AbortController()
  const gaveUp: string[] = []
  const healthy = new Promise<void>((resolve) => {
    const changed = () => live.phase === 'healthy' && resolve()
    void watchLive(live, spec, now, over.signal, changed, (intent) => gaveUp.push(intent))
  })
  // Not before it was looked at a few times in vain, with the clock already set.
  await new Promise((resolve) => setTimeout(resolve, 300))
  const server = createServer((socket) => socket.end()).listen(port, '127.0.0.1')
  await healthy
  expect(gaveUp).toEqual([])
  over.abort()
  server.close()
})

test('an app that does not listen in its time is given up, whatever the clock says', async () => {
  const { live, now } = starting(await freePort(), -HOUR)
  const spec = { command: 'x', count: 1, bootSeconds: 1, graceSeconds: 1, surgePercent: 25 }
  const over = new AbortController()
  const intent = await new Promise((resolve) => {
    void watchLive(live, spec, now, over.signal, () => {}, resolve)
  })
  expect(intent).toBe('boot')
  over.abort()
})
