import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createModelWorld } from '../../../../test/model-world.ts'
import type { RunSpec } from '../../../api/app-spec.ts'
import { createSimulation, type PassFaults } from './simulation.ts'
import { isOver } from './state.ts'

const TARGET = { app: 'web-app', environment: 'stage' }

const process = (command: string) => ({ command, bootSeconds: 5, graceSeconds: 1, surgePercent: 25 })
function runSpec(options: { release: boolean; worker: boolean; web?: boolean }): RunSpec {
  return {
    processes: {
      ...(options.web !== false && { web: process('web') }),
      ...((options.worker || options.web === false) && { worker: process('worker') }),
    },
    ...(options.release && { releaseCommand: 'migrate' }),
    crons: {},
    variables: {},
    needs: [],
  }
}

const faults: fc.Arbitrary<PassFaults> = fc.record(
  {
    observe: fc.constantFrom('none', 'none', 'away', 'stale'),
    crash: fc.constantFrom('none', 'none', 'none', 'before-persist', 'after-persist'),
    effect: fc.constantFrom('none', 'none', 'lost-request', 'lost-answer', 'duplicate'),
    raced: fc.constantFrom(false, false, false, false, true),
  },
  { requiredKeys: [] },
)

const action = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('pass' as const), faults }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.nat(400) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('ship' as const),
      whenBusy: fc.constantFrom('supersede' as const, 'queue' as const),
      outcome: fc.constantFrom('healthy' as const, 'healthy' as const, 'crash' as const, 'never' as const),
      job: fc.constantFrom('succeeded' as const, 'succeeded' as const, 'failed' as const, 'unknown' as const),
      release: fc.boolean(),
      worker: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('abort' as const, 'retry' as const, 'late' as const) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('scale' as const), count: fc.integer({ min: 1, max: 12 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('crash' as const, 'restart' as const, 'wipe' as const) }),
  },
)

type Action = typeof action extends fc.Arbitrary<infer One> ? One : never

function play(actions: Action[], web = 4) {
  const world = createModelWorld()
  const simulation = createSimulation(world, TARGET)
  const bad = new Set<number>()
  simulation.scale('web', web)
  simulation.ship(runSpec({ release: false, worker: true }), 'supersede')
  settle()
  function settle() {
    for (let turns = 0; turns < 3000; turns += 1) {
      let changed = false
      for (let passes = 0; passes < 20 && simulation.pass(); passes += 1) changed = true
      const current = simulation.current()
      if (current?.phase === 'asking') simulation.abort()
      else if (!current && !changed && world.observe(TARGET).settled) return
      simulation.advance(100)
    }
    simulation.violations.push(`it does not come to rest: ${JSON.stringify(simulation.current())}`)
  }
  for (const one of actions) {
    if (one.kind === 'pass') simulation.pass(one.faults)
    if (one.kind === 'advance') simulation.advance(one.ms)
    if (one.kind === 'abort') simulation.abort()
    if (one.kind === 'retry') simulation.retry()
    if (one.kind === 'late') simulation.deliverDelayed()
    if (one.kind === 'scale') simulation.scale('web', one.count)
    if (one.kind === 'crash') {
      simulation.disturbed()
      world.crash(TARGET, `v${simulation.target().live}`)
    }
    if (one.kind === 'restart') world.restart()
    if (one.kind === 'wipe') {
      simulation.disturbed()
      world.restart({ empty: true })
    }
    if (one.kind === 'ship') {
      const number = simulation.ship(runSpec(one), one.whenBusy)
      world.behave(TARGET, { outcome: one.outcome, job: { ms: 150, state: one.job } }, number)
      if (one.outcome !== 'healthy') bad.add(number)
    }
  }
  settle()
  simulation.deliverDelayed()
  settle()
  return { world, simulation, bad }
}

describe('whatever fails, and whenever', () => {
  it('rollouts end, exactly one release serves, and nothing is done that must not be', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), fc.integer({ min: 1, max: 12 }), (actions, web) => {
        const { world, simulation, bad } = play(actions, web)
        expect(simulation.violations).toEqual([])
        expect(simulation.rollouts.every((one) => isOver(one.phase))).toBe(true)
        const { live, plan } = simulation.target()
        expect(plan.sets.map((set) => set.release)).toEqual([live])
        expect(bad.has(live ?? 0)).toBe(false)
        const running = world.observe(TARGET).sets.filter((set) => set.processes.length > 0)
        expect(running.map((set) => set.id)).toEqual([`v${live}`])
      }),
      { numRuns: 1500 },
    )
  })
})
