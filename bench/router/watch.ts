/**
 * Watches from beside a proxy how long its core was taken away from everything that runs on it: by the host of a virtual
 * machine, which no clock of the system's counts, or by the system itself. It sleeps, goes before everything else when it
 * wakes, and sees by how much it came late.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { arePinned, on } from './cores.ts'

const NAP_MS = 0.25
/** What a timer and the switch to it take; the rest was taken away. */
const LATE_MS = 0.3

export interface Watch {
  /** Milliseconds that were taken away since it was last asked. */
  away(): Promise<number>
  stop(): Promise<void>
}

/** Null where it may not go first, and would count what the proxy itself runs. */
export async function watchProxyCore(): Promise<Watch | null> {
  if (!arePinned) return null
  const command = on('proxy', 'chrt', [
    '-f',
    '50',
    process.execPath,
    '--single-threaded',
    fileURLToPath(import.meta.url),
  ])
  const child: ChildProcess = spawn(...command, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  const begun = await Promise.race([once(child, 'message'), once(child, 'exit'), once(child, 'error')])
  if (begun[0] !== 'watches') return null
  return {
    async away() {
      child.send('away')
      return ((await once(child, 'message')) as [number])[0]
    },
    async stop() {
      const exit = once(child, 'exit')
      child.kill()
      await exit
    },
  }
}

function watch(): void {
  const clock = new Int32Array(new SharedArrayBuffer(4))
  let away = 0
  process.on('message', () => {
    process.send!(away)
    away = 0
  })
  process.on('disconnect', () => process.exit())
  function nap(): void {
    const before = performance.now()
    Atomics.wait(clock, 0, 0, NAP_MS)
    const late = performance.now() - before - NAP_MS
    if (late > LATE_MS) away += late
    setImmediate(nap)
  }
  process.send!('watches')
  nap()
}

if (process.argv[1] === fileURLToPath(import.meta.url)) watch()
