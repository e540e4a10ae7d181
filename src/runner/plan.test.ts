import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Facts, type Instance, plan, restartDelay, type Slot, slotKey, weightedSets } from './plan.ts'
import type { Desired, DesiredSet, SplitRule } from './shapes.ts'

function set(id: string, counts: Record<string, number>): DesiredSet {
  const process = (count: number) => ({
    command: 'x',
    bootSeconds: 60,
    graceSeconds: 30,
    surgePercent: 25,
    count,
  })
  const processes = Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, process(count)]))
  return { id, release: 1, workspace: '/w', env: {}, path: [], artifact: '', processes }
}

function wish(
  sets: DesiredSet[],
  weights: Record<string, number>,
  restarts?: Record<string, number>,
): Desired {
  return { sets, split: [{ weights }], crons: [], ...(restarts ? { restarts } : {}) }
}

function instance(
  id: string,
  setId: string,
  phase: Instance['phase'],
  change: Partial<Instance> = {},
): Instance {
  return { id, set: setId, process: 'web', slot: 1, epoch: 0, phase, ...change }
}

function facts(change: Partial<Facts>): Facts {
  return { instances: [], slots: new Map(), split: [], retained: [], ...change }
}

const toV1: SplitRule[] = [{ weights: { v1: 1 } }]

describe('a plan', () => {
  test('starts every process that is asked for and is not there', () => {
    const { actions, settled } = plan(wish([set('v1', { web: 2, worker: 1 })], { v1: 1 }), facts({}), 0)
    expect(actions.map((one) => one.kind === 'start' && `${one.process}.${one.slot}`)).toEqual([
      'web.1',
      'web.2',
      'worker.1',
    ])
    expect(settled).toBe(false)
  })

  test('starts a process again whose end lies ahead: the clock was set back since', () => {
    const slots = new Map([[slotKey({ set: 'v1', process: 'web', slot: 1 }), { failures: 2, endedAt: 5000 }]])
    const desired = wish([set('v1', { web: 1 })], { v1: 1 })
    expect(plan(desired, facts({ slots }), 5001)).toMatchObject({ actions: [], wakeAt: 5500 })
    expect(plan(desired, facts({ slots }), 4000).actions).toMatchObject([{ kind: 'start', process: 'web' }])
  })

  test('lets the old set serve until the new one is ready as a whole', () => {
    const old = instance('a', 'v1', 'healthy')
    const seen = { split: toV1, retained: [set('v1', { web: 1 })] }
    const desired = wish([set('v2', { web: 2 })], { v2: 1 })
    const half = [old, instance('b', 'v2', 'healthy'), instance('c', 'v2', 'starting', { slot: 2 })]
    const before = plan(desired, facts({ ...seen, instances: half }), 0)
    expect(before.split).toEqual(toV1)
    expect(before.actions).toEqual([])
    const whole = [old, instance('b', 'v2', 'healthy'), instance('c', 'v2', 'healthy', { slot: 2 })]
    const after = plan(desired, facts({ ...seen, instances: whole }), 0)
    expect(after.split).toEqual(desired.split)
    expect(after.actions).toEqual([{ kind: 'drain', id: 'a' }])
    expect(after.retained).toEqual([])
  })

  test('moves at once when nobody serves any more', () => {
    const desired = wish([set('v2', { web: 1 })], { v2: 1 })
    const seen = facts({ split: toV1, instances: [instance('b', 'v2', 'starting')] })
    expect(plan(desired, seen, 0).split).toEqual(desired.split)
  })

  test('stops only what was drained', () => {
    const desired = wish([], {})
    const seen = (phase: Instance['phase']) => facts({ instances: [instance('a', 'v1', phase)] })
    expect(plan(desired, seen('healthy'), 0).actions).toEqual([{ kind: 'drain', id: 'a' }])
    expect(plan(desired, seen('draining'), 0).actions).toEqual([])
    expect(plan(desired, seen('drained'), 0).actions).toEqual([{ kind: 'stop', id: 'a' }])
  })

  test('waits longer after each failure in a row, and says when to look again', () => {
    const desired = wish([set('v1', { web: 1 })], { v1: 1 })
    const slots = new Map([[slotKey({ set: 'v1', process: 'web', slot: 1 }), { failures: 3, endedAt: 1000 }]])
    expect(plan(desired, facts({ slots }), 1500)).toMatchObject({ actions: [], wakeAt: 2000 })
    expect(plan(desired, facts({ slots }), 2000).actions).toHaveLength(1)
    expect([0, 1, 2, 3, 20].map(restartDelay)).toEqual([0, 250, 500, 1000, 60_000])
  })

  test('gives what takes traffic its successor first, and a worker never a second one', () => {
    const desired = wish([set('v1', { web: 1, worker: 1 })], { v1: 1 }, { web: 1, worker: 1 })
    const running = [instance('a', 'v1', 'healthy'), instance('b', 'v1', 'healthy', { process: 'worker' })]
    expect(plan(desired, facts({ split: toV1, instances: running }), 0).actions).toEqual([
      { kind: 'start', set: 'v1', process: 'web', slot: 1, epoch: 1 },
      { kind: 'drain', id: 'b' },
    ])
    const stopping = [running[0]!, { ...running[1]!, phase: 'stopping' as const }]
    const starts = plan(desired, facts({ split: toV1, instances: stopping }), 0).actions
    expect(starts.filter((one) => one.kind === 'start' && one.process === 'worker')).toEqual([])
  })
})

type Event = 'heal' | 'crash' | 'sicken' | 'drained' | 'gone'
const events: Event[] = ['heal', 'crash', 'sicken', 'drained', 'gone']

/** A machine that does what it is told, with accidents. */
function createMachine() {
  let seen: Facts = facts({})
  const slots = new Map<string, Slot>()
  let next = 0
  let now = 0
  const change = (id: string, phase: Instance['phase'] | null) => {
    const instances = seen.instances.flatMap((one) =>
      one.id !== id ? [one] : phase === null ? [] : [{ ...one, phase }],
    )
    seen = { ...seen, instances }
  }
  return {
    facts: () => seen,
    obey(desired: Desired) {
      now += 100_000
      const retained = [...seen.retained]
      const done = plan(desired, { ...seen, retained, slots }, now)
      seen = { ...seen, split: done.split, retained: done.retained }
      for (const action of done.actions) {
        if (action.kind === 'start') {
          const { set: setId, process, slot, epoch } = action
          const added: Instance = { id: `i${next++}`, set: setId, process, slot, epoch, phase: 'starting' }
          seen = { ...seen, instances: [...seen.instances, added] }
        } else change(action.id, action.kind === 'drain' ? 'draining' : 'stopping')
      }
      return done
    },
    retain(sets: DesiredSet[]) {
      seen = { ...seen, retained: sets }
    },
    happen(event: Event, pick: number) {
      const fits: Record<Event, Instance['phase'][]> = {
        heal: ['starting', 'unhealthy'],
        crash: ['starting', 'healthy', 'unhealthy'],
        sicken: ['healthy'],
        drained: ['draining'],
        gone: ['stopping'],
      }
      const candidates = seen.instances.filter((one) => fits[event].includes(one.phase))
      const chosen = candidates[pick % Math.max(1, candidates.length)]
      if (!chosen) return
      const phases = {
        heal: 'healthy',
        sicken: 'unhealthy',
        drained: 'drained',
        crash: null,
        gone: null,
      } as const
      change(chosen.id, phases[event])
      if (event === 'crash') slots.set(slotKey(chosen), { failures: 1, endedAt: now })
    },
  }
}

const wishes = fc
  .tuple(
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 0, max: 2 }),
    fc.boolean(),
  )
  .map(([version, web, epoch, both]) => {
    const ids = both && version > 1 ? [`v${version - 1}`, `v${version}`] : [`v${version}`]
    const sets = ids.map((id) => set(id, { web, worker: 1 }))
    return wish(sets, { [`v${version}`]: 1 }, { web: epoch, worker: epoch })
  })
const steps = fc.array(
  fc.oneof(
    { weight: 1, arbitrary: wishes.map((desired) => ({ desired })) },
    { weight: 8, arbitrary: fc.record({ event: fc.constantFrom(...events), pick: fc.nat(10) }) },
  ),
  { minLength: 1, maxLength: 60 },
)

test('whatever happens in whatever order, who serves is replaced only by who is ready, and all comes to rest', () => {
  fc.assert(
    fc.property(wishes, steps, (first, rest) => {
      const machine = createMachine()
      let desired = first
      for (const step of [{ desired }, ...rest]) {
        if ('desired' in step) {
          const ids = new Set(step.desired.sets.map((one) => one.id))
          const before = [...desired.sets, ...machine.facts().retained]
          machine.retain(before.filter((one) => !ids.has(one.id)))
          desired = step.desired
        } else machine.happen(step.event, step.pick)
        const before = machine.facts()
        const healthy = (id: string) =>
          before.instances.filter((one) => one.set === id && one.process === 'web' && one.phase === 'healthy')
            .length
        const served = [...weightedSets(before.split)].some((id) => healthy(id) > 0)
        const done = machine.obey(desired)
        if (served) expect([...weightedSets(done.split)].some((id) => healthy(id) > 0)).toBe(true)
        const workers = machine.facts().instances.filter((one) => one.process === 'worker')
        const places = workers.map((one) => slotKey(one))
        expect(new Set(places).size).toBe(places.length)
      }
      for (let round = 0; round < 80; round++) {
        for (const event of ['heal', 'drained', 'gone'] as const) {
          for (let pick = 0; pick < 12; pick++) machine.happen(event, 0)
        }
        if (machine.obey(desired).settled) return
      }
      throw new Error(`never at rest: ${JSON.stringify(machine.facts())}`)
    }),
    { numRuns: 500 },
  )
})
