/** What is seen, in the words of the protocol. Pure. */
import type { Live } from './live.ts'
import type { SlotMemory, TargetMemory } from './memory.ts'
import { CRASH_LOOP_FAILURES, slotKey, TRAFFIC_PROCESS } from './plan.ts'
import type {
  Addresses,
  Demand,
  Observation,
  ObservedCron,
  ObservedProcess,
  ObservedSet,
  Passes,
  Problem,
  ProcessState,
  Target,
} from './shapes.ts'
import { iso } from './words.ts'

export interface Seen {
  target: Target
  memory: TargetMemory
  settled: boolean
  lives: Live[]
  slots: ReadonlyMap<string, SlotMemory>
  crons: ObservedCron[]
  inFlight: (set: string) => number
  addresses: Addresses
  problems: Problem[]
  /** Of a target with a space. */
  demand: Demand | null
  passes: Passes | null
  now: number
}

export function observationOf(seen: Seen): Observation {
  const known = [...seen.memory.desired.sets, ...seen.memory.retained]
  const ids = new Set([...known.map((set) => set.id), ...seen.lives.map((live) => live.running.record.set)])
  const sets = [...ids].map((id): ObservedSet => {
    const processes = processesOf(seen, id)
    const problem = processes.find((one) => one.process === TRAFFIC_PROCESS && one.problem)?.problem
    const anyProblem = problem ?? processes.find((one) => one.problem)?.problem
    return { id, processes, inFlight: seen.inFlight(id), ...(anyProblem ? { problem: anyProblem } : {}) }
  })
  return {
    target: seen.target,
    at: iso(seen.now),
    generation: seen.memory.generation,
    settled: seen.settled,
    sets,
    split: seen.memory.split,
    crons: seen.crons,
    addresses: seen.addresses,
    ...(seen.problems.length > 0 ? { problems: seen.problems } : {}),
    ...(seen.demand ? { demand: seen.demand } : {}),
    ...(seen.passes ? { passes: seen.passes } : {}),
  }
}

function processesOf(seen: Seen, set: string): ObservedProcess[] {
  const mine = seen.lives.filter((live) => live.running.record.set === set)
  const running = mine.map((live): ObservedProcess => {
    const { record } = live.running
    const slot = seen.slots.get(slotKey(record))
    const pid = live.running.state()?.app.pid
    const problem = live.problem ?? (live.phase === 'starting' && isLooping(slot) ? slot?.problem : undefined)
    return {
      id: record.id,
      process: record.process,
      set,
      state: stateOf(live),
      startedAt: iso(live.startedAt),
      restarts: slot?.restarts ?? 0,
      ...(pid === undefined ? {} : { pid }),
      ...(live.usage ?? {}),
      ...(slot?.lastExit ? { lastExit: slot.lastExit } : {}),
      ...(problem ? { problem } : {}),
    }
  })
  const waiting = seen.memory.desired.sets
    .filter((one) => one.id === set)
    .flatMap((one) => Object.entries(one.processes))
    .flatMap(([process, { count }]) =>
      Array.from({ length: count }, (_, index) => ({ set, process, slot: index + 1 })),
    )
    .filter((at) => !mine.some(({ running: { record } }) => slotKey(record) === slotKey(at)))
    .map((at): ObservedProcess => {
      const slot = seen.slots.get(slotKey(at))
      return {
        id: slot?.lastId ?? `${at.process}.${at.slot}`,
        process: at.process,
        set,
        state: isLooping(slot) ? 'crashed' : 'waiting',
        startedAt: slot?.lastExit?.at ?? iso(seen.now),
        restarts: slot?.restarts ?? 0,
        ...(slot?.lastExit ? { lastExit: slot.lastExit } : {}),
        ...(slot?.problem ? { problem: slot.problem } : {}),
      }
    })
  return [...running, ...waiting].sort((a, b) => (a.id < b.id ? -1 : 1))
}

function isLooping(slot: SlotMemory | undefined): boolean {
  return (slot?.failures ?? 0) >= CRASH_LOOP_FAILURES
}

function stateOf(live: Live): ProcessState {
  if (live.running.state()?.ended) return 'crashed'
  return live.phase === 'draining' || live.phase === 'drained' ? 'stopping' : live.phase
}
