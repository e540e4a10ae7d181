/** One process that runs: its phase, told by its health. Tells its owner of every change and decides nothing. */
import { setTimeout as delay } from 'node:timers/promises'
import { checkHealth, explainSilence, type Health } from './health.ts'
import type { Running } from './launcher.ts'
import type { Instance } from './plan.ts'
import { isStrangersPort } from './processes.ts'
import type { CountedProcess, Problem } from './shapes.ts'
import { type Intent, portLost } from './words.ts'

export interface Live {
  running: Running
  phase: Instance['phase']
  /** When it was started, milliseconds since the epoch. */
  startedAt: number
  healthySince: number | null
  problem: Problem | null
  /** Why the runner ends it; null while it does not. */
  intent: Intent | null
  usage: { cpuPercent: number; memoryBytes: number } | null
}

/** What has no port is taken for healthy when it has lived this long. */
const WORKER_SETTLES = 1000
const EARLY_EXPLANATION = 3000
const CHECK_EVERY = 5000
const FAILED_CHECKS = 3
const UNHEALTHY_PATIENCE = 60_000

/**
 * Watches until `signal`: `changed` after every change of phase or problem, `giveUp` when it should be ended and
 * started anew.
 */
export async function watchLive(
  live: Live,
  spec: CountedProcess,
  now: () => number,
  signal: AbortSignal,
  changed: () => void,
  giveUp: (intent: Intent) => void,
): Promise<void> {
  const state = await live.running.started
  if (!state || signal.aborted) return
  live.startedAt = state.at
  const aged = age(now() - live.startedAt)
  const { inPlace = false } = live.running.record
  /** The leader of what runs now. */
  const leader = () => live.running.state()?.app.pid ?? state.app.pid
  if (inPlace) signal.addEventListener('abort', live.running.onLife(changed), { once: true })
  const { port } = live.running.record
  const wait = (milliseconds: number) =>
    delay(milliseconds, undefined, { signal, ref: false }).catch(() => {})
  const become = (phase: 'healthy' | 'unhealthy') => {
    if (
      signal.aborted ||
      (live.phase !== 'starting' && live.phase !== 'healthy' && live.phase !== 'unhealthy')
    )
      return
    if (phase === 'healthy') {
      live.problem = null
      live.healthySince ??= now()
    }
    if (live.phase !== phase) {
      live.phase = phase
      changed()
    }
  }

  if (port === null) {
    await wait(Math.max(0, WORKER_SETTLES - aged()))
    become('healthy')
    return
  }

  let explainedAt = 0
  for (let pause = 15; live.phase === 'starting' && !signal.aborted; pause = Math.min(pause * 1.5, 250)) {
    const health = await checkHealth(port, spec.health, signal)
    if ((health.ok || health.kind === 'answered') && (await isStrangersPort(leader(), port))) {
      if (signal.aborted) return
      live.problem = portLost(port)
      giveUp('port')
      return
    }
    if (health.ok) {
      become('healthy')
      break
    }
    const elapsed = aged()
    if (elapsed > spec.bootSeconds * 1000) {
      live.problem = await explainSilence(leader(), port, health, spec.bootSeconds)
      changed()
      // Whoever changes it next starts it anew.
      if (inPlace) break
      giveUp('boot')
      return
    }
    if (elapsed > EARLY_EXPLANATION && elapsed - explainedAt > 2000) {
      explainedAt = elapsed
      const problem = await explainSilence(leader(), port, health, Math.round(elapsed / 1000))
      // Before its time is up, only what will not mend itself is worth telling.
      if (problem.code !== 'not-listening' && problem.message !== live.problem?.message) {
        live.problem = problem
        changed()
      }
    }
    await wait(pause)
  }

  let failed = 0
  let badSince = 0
  while (!signal.aborted) {
    await wait(failed > 0 ? CHECK_EVERY / 5 : CHECK_EVERY)
    if (signal.aborted) return
    const health: Health = await checkHealth(port, spec.health, signal)
    if (signal.aborted) return
    if (health.ok) {
      failed = 0
      become('healthy')
      continue
    }
    if (failed++ === 0) badSince = aged()
    if (failed < FAILED_CHECKS) continue
    live.problem = await explainSilence(leader(), port, health, Math.round((aged() - badSince) / 1000))
    become('unhealthy')
    if (aged() - badSince > UNHEALTHY_PATIENCE && !inPlace) {
      giveUp('unhealthy')
      return
    }
  }
}

/** Milliseconds since the start, counted on by the steady clock: the other one may be set while an app starts. */
function age(already: number): () => number {
  const from = performance.now() - Math.max(0, already)
  return () => performance.now() - from
}
