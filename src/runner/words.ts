/** Everything the runner says about ends and problems of processes, in one place. */
import type { Ending } from './launcher.ts'
import type { Damaged } from './memory.ts'
import type { LastExit, Problem, Target } from './shapes.ts'

/** Why the runner itself ended a process. */
export type Intent = 'asked' | 'memory' | 'boot' | 'port' | 'unhealthy' | 'cancelled'

export function describeEnding(
  ending: Ending,
  intent: Intent | null,
  limits: { memoryMegabytes: number | null },
): LastExit {
  if (ending.kind === 'never')
    return { at: iso(ending.at), reason: `could not be started: ${ending.message}` }
  if (ending.kind === 'orphaned') {
    return { at: iso(ending.at), reason: 'the process that keeps its output was killed, so it was ended too' }
  }
  const { exit } = ending
  const facts = {
    ...(exit.code === null ? {} : { code: exit.code }),
    ...(exit.signal === null ? {} : { signal: exit.signal }),
    at: iso(exit.at),
  }
  return { ...facts, reason: reasonOf(ending, intent, limits.memoryMegabytes) }
}

function reasonOf(ending: Ending & { kind: 'exit' }, intent: Intent | null, memory: number | null): string {
  const { exit } = ending
  if (intent === 'memory' || ending.outOfMemory) return `killed for memory at ${memory} MB`
  if (exit.reason === 'timeout') return 'ended because its time was up'
  if (exit.reason === 'start-failed') return `could not be started: ${exit.message}`
  if (intent === 'boot') return 'ended because it was not ready in time'
  if (intent === 'port') return 'ended because another program listens on its port'
  if (intent === 'unhealthy') return 'ended because it no longer answered its health check'
  if (intent === 'asked') return 'stopped as asked'
  if (intent === 'cancelled') return 'cancelled'
  return exit.signal === null ? `exited with code ${exit.code}` : `ended by ${exit.signal}`
}

export function crashLoop(name: string, failures: number, last: LastExit, lastLines: string[]): Problem {
  return {
    code: 'crash-loop',
    message: `${name} ended ${failures} times in a row soon after its start; the last time it ${sentence(last.reason)}`,
    hint: 'tow logs shows what it wrote; a new release or a change of config starts it anew',
    lastLines,
  }
}

function sentence(reason: string): string {
  return /^(exited|could)/.test(reason) ? reason : `was ${reason}`
}

export function memoryProblem(name: string, megabytes: number, lastLines: string[]): Problem {
  return {
    code: 'memory',
    message: `${name} was killed for memory at ${megabytes} MB`,
    hint: 'raise `memory` of this process in tow.yaml, or use less',
    lastLines,
  }
}

export function layoutMissing(workspace: string): Problem {
  return {
    code: 'layout-failed',
    message: `the folder ${workspace} is gone, so nothing can be started in it`,
    hint: 'ship or roll back once more, which lays it out again',
  }
}

/** `missions in stage`, and of a copy `missions in the space mine over stage`. */
export function nameOf({ app, environment, space }: Target): string {
  return `${app} in ${space === undefined ? '' : `the space ${space} over `}${environment}`
}

export function memoryLost(target: Target, { damaged, hint }: Damaged): Problem {
  return {
    code: 'state-unreadable',
    message: `what was kept of ${nameOf(target)} could not be read and lies in ${damaged}; its processes run on, and the platform tells what it should be once more`,
    hint: hint ?? 'nothing is to be done while the platform runs; else tow up',
  }
}

export function portStolen(port: number, what: string): Problem {
  return {
    code: 'port-taken',
    message: `another program listens on port ${port}, which is ${what}`,
    hint: 'end that program; the port is tried again every two seconds',
  }
}

/** Of the port lent to a process, which was free at that time. */
export function portLost(port: number): Problem {
  return {
    code: 'port-taken',
    message: `another program listens on port ${port}, which was free when it was lent to this process`,
    hint: 'it is started anew on another port by itself',
  }
}

export function iso(at: number): string {
  return new Date(at).toISOString()
}

export function startFailed(at: { process: string; slot: number }, error: Error): Problem {
  const full = (error as NodeJS.ErrnoException).code === 'ENOSPC'
  return {
    code: 'start-failed',
    message: `${at.process}.${at.slot} could not be started: ${full ? 'the disk is full' : error.message}`,
    ...(full ? { hint: 'make room; it is tried again by itself' } : {}),
  }
}

/** Problems are thrown where a start cannot go on. */
export function isProblem(thrown: unknown): thrown is Problem {
  return !(thrown instanceof Error) && typeof (thrown as Problem | null)?.code === 'string'
}
