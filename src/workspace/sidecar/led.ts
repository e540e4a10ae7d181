/**
 * The process beside the agent, as the shell that leads it tells: it runs in another container, and all that both share
 * are two pipes. One is asked, the other tells. Either side may start anew at any moment.
 */
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { TowError } from '../../api/errors.ts'
import type { SidecarReport } from './protocol.ts'

export interface Led {
  report(): SidecarReport
  /** Settles once it has begun anew; FAILED where nobody there begins it. */
  restart(): Promise<void>
  close(): void
}

/** What does not end by itself is killed, as on any engine. */
const GRACE_MS = 2000
const BEGIN_MS = 30_000
/** Both ways at once: a pipe that nobody holds open would end with its first reader. */
const BOTH_WAYS = constants.O_RDWR | constants.O_NONBLOCK

export function openLed(ask: string, said: string, name: string, changed: () => void): Led {
  const asking = openSync(ask, BOTH_WAYS)
  const hearing = new Socket({ fd: openSync(said, BOTH_WAYS), readable: true, writable: false })
  let report: SidecarReport = { process: 'unknown', exit: null, at: Date.now() }
  /** The last request that what runs now has begun after. */
  let obeyed = 0
  /** Larger than those of an agent before this one, whatever became of the clock. */
  let asked = Date.now()
  let heard: () => void = () => {}

  createInterface({ input: hearing }).on('line', (line) => {
    const [word, ...rest] = line.split(' ')
    const numbers = rest.map(Number)
    obeyed = numbers.at(-1) ?? 0
    const process = word === 'ended' ? 'ended' : 'begun'
    report = { process, exit: process === 'ended' ? numbers[0]! : null, at: Date.now() }
    heard()
    changed()
  })
  say('tell')

  function say(line: string): void {
    writeSync(asking, `${line}\n`)
  }

  async function begun(number: number, within: number, signal: AbortSignal): Promise<boolean> {
    const late = delay(within, null, { signal, ref: false }).catch(() => {})
    while (obeyed < number && !signal.aborted) {
      const news = new Promise<void>((resolve) => {
        heard = resolve
      })
      const isLate = await Promise.race([news.then(() => false), late.then(() => true)])
      if (isLate) break
    }
    return obeyed >= number
  }

  return {
    report: () => report,
    async restart() {
      const number = Math.max(asked, obeyed) + 1
      asked = number
      const done = new AbortController()
      try {
        say(`restart ${number}`)
        if (await begun(number, GRACE_MS, done.signal)) return
        say('kill')
        if (await begun(number, BEGIN_MS, done.signal)) return
      } finally {
        done.abort()
      }
      throw new TowError('FAILED', `${name} did not start anew within ${BEGIN_MS / 1000} s`, {
        hint: 'tow ps and tow logs tell what it does instead',
      })
    },
    close() {
      if (hearing.destroyed) return
      hearing.destroy()
      closeSync(asking)
    },
  }
}
