import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Action, type AppFacts, type AppState, type Decision, decide, outerNeeds } from './rules.ts'

const app = (name: string, facts: Partial<AppFacts> = {}): AppFacts => ({
  app: name,
  state: 'building',
  built: false,
  needs: [],
  attempts: 1,
  stopping: false,
  build: { id: `b_${name}`, state: 'running', artifact: null, error: null, interrupted: false },
  rollout: null,
  overtakenBy: null,
  waitsFor: null,
  ...facts,
})
const built = (name: string, facts: Partial<AppFacts> = {}) =>
  app(name, { state: 'built', built: true, ...facts })
const failedBuild = {
  id: 'b',
  state: 'failed' as const,
  artifact: null,
  error: { message: 'no', lastLines: [] },
  interrupted: false,
}

describe('a delivery', () => {
  test('releases nothing while another app is being built', () => {
    expect(decide({ cancelledBy: null, apps: [built('a'), app('b')] }).actions).toEqual([])
  })

  test('releases nothing when one build fails, and waits for the others to tell of all failures', () => {
    const failing = app('b', { build: failedBuild })
    expect(decide({ cancelledBy: null, apps: [app('a'), failing] })).toMatchObject({ actions: [], end: null })
    expect(decide({ cancelledBy: null, apps: [built('a'), failing] })).toMatchObject({
      actions: [],
      end: 'failed',
      changes: { b: { state: 'failed', error: { message: 'no' } } },
    })
  })

  test('releases a needed app before the one that needs it', () => {
    const apps = [built('missions', { needs: ['reports'] }), built('reports')]
    expect(decide({ cancelledBy: null, apps }).actions).toEqual([
      { do: 'deliver', apps: ['reports'], first: true },
    ])
    const then = [built('missions', { needs: ['reports'] }), built('reports', { state: 'live' })]
    expect(decide({ cancelledBy: null, apps: then }).actions).toEqual([
      { do: 'deliver', apps: ['missions'], first: false },
    ])
  })

  test('releases apps that need each other together', () => {
    const apps = [built('a', { needs: ['b'] }), built('b', { needs: ['a', 'c'] }), built('c')]
    expect(outerNeeds('a', apps)).toEqual(['c'])
    expect(decide({ cancelledBy: null, apps }).actions).toMatchObject([{ apps: ['c'] }])
    const then = [apps[0]!, apps[1]!, built('c', { state: 'unchanged' })]
    expect(decide({ cancelledBy: null, apps: then }).actions).toMatchObject([{ apps: ['a', 'b'] }])
  })

  test('asks again for a build that died with the platform, but not for ever', () => {
    const died = { ...failedBuild, interrupted: true }
    expect(decide({ cancelledBy: null, apps: [app('a', { build: died })] }).actions).toEqual([
      { do: 'build', app: 'a' },
    ])
    expect(decide({ cancelledBy: null, apps: [app('a', { build: died, attempts: 3 })] }).end).toBe('failed')
  })

  test('makes way where a newer one has released the app already', () => {
    const apps = [built('a', { overtakenBy: 's_newer' }), built('b')]
    expect(decide({ cancelledBy: null, apps })).toMatchObject({
      changes: { a: { state: 'cancelled', error: { message: expect.stringContaining('s_newer') } } },
      actions: [{ do: 'deliver', apps: ['b'] }],
    })
  })

  test('that queues waits until the older one is over', () => {
    expect(decide({ cancelledBy: null, apps: [built('a', { waitsFor: 's_older' })] })).toEqual({
      changes: {},
      actions: [],
      end: null,
    })
  })

  test('that is cancelled ends builds, aborts rollouts once, and starts nothing', () => {
    const rollout = {
      id: 'o',
      phase: 'starting' as const,
      message: '',
      hint: null,
      lastLines: [],
      release: 1,
    }
    const apps = [app('a'), built('b'), built('c', { state: 'releasing', rollout })]
    const decision = decide({ cancelledBy: 'ada', apps })
    expect(decision.actions).toEqual([
      { do: 'cancel-build', app: 'a', build: 'b_a' },
      { do: 'abort-rollout', app: 'c', rollout: 'o' },
    ])
    expect(decision).toMatchObject({ end: null, changes: { b: { state: 'cancelled' } } })
    const again = apps.map((one) => ({ ...one, stopping: true }))
    expect(decide({ cancelledBy: 'ada', apps: again }).actions).toEqual([])
  })
})

/** A world around `decide`: builds and rollouts take their course, and a crash loses a decision that was not written. */
const PHASES = ['live', 'failed', 'superseded'] as const
const plan = fc.record({
  needs: fc.array(fc.nat({ max: 4 }), { maxLength: 3 }),
  builds: fc.array(fc.constantFrom('succeeded', 'succeeded', 'succeeded', 'failed', 'interrupted'), {
    minLength: 4,
    maxLength: 4,
  }),
  phase: fc.constantFrom('live', 'live', 'live', 'live', ...PHASES),
  unchanged: fc.boolean(),
  overtaken: fc.option(fc.nat({ max: 30 }), { freq: 6, nil: null }),
  waits: fc.option(fc.nat({ max: 30 }), { freq: 3, nil: null }),
})
const schedule = fc.record({
  apps: fc.array(plan, { minLength: 1, maxLength: 5 }),
  crashes: fc.uniqueArray(fc.nat({ max: 40 })),
  cancel: fc.option(fc.nat({ max: 30 }), { freq: 3, nil: null }),
  order: fc.array(fc.nat({ max: 4 }), { minLength: 120, maxLength: 120 }),
})

test('under any schedule all is built before anything is released, needed apps come first, and it ends', () => {
  fc.assert(
    fc.property(schedule, ({ apps: plans, crashes, cancel, order }) => {
      const name = (index: number) => `app-${index % plans.length}`
      let facts = plans.map((one, index) =>
        app(name(index), { needs: [...new Set(one.needs.map(name))].filter((need) => need !== name(index)) }),
      )
      const delivered = new Map<string, number>()
      let end: Decision['end'] = null
      let cancelledBy: string | null = null
      for (const [tick, turn] of order.entries()) {
        if (tick === cancel) cancelledBy = 'ada'
        facts = facts.map((one, index) => ({
          ...world(one, plans[index]!, index === turn % plans.length || tick > 60, cancelledBy !== null),
          overtakenBy:
            plans[index]!.overtaken !== null && plans[index]!.overtaken! <= tick ? 's_newer' : null,
          waitsFor: plans[index]!.waits !== null && plans[index]!.waits! > tick ? 's_older' : null,
        }))
        const decision = decide({ cancelledBy, apps: facts })
        check(facts, decision, cancelledBy, delivered)
        if (crashes.includes(tick)) continue
        facts = facts.map((one, index) => applied(one, decision, plans[index]!.unchanged, delivered))
        end = decision.end
        if (end) break
      }
      expect(end).not.toBeNull()
      const states = facts.map((one) => one.state)
      if (end === 'live')
        expect(states.every((state) => state === 'live' || state === 'unchanged')).toBe(true)
      if (end === 'failed') expect(states).toContain('failed')
      expect(states.some((state) => ['waiting', 'building', 'releasing'].includes(state))).toBe(false)
      for (const one of facts) expect(one.attempts).toBeLessThanOrEqual(3)
      for (const count of delivered.values()) expect(count).toBe(1)
    }),
    { numRuns: 3000 },
  )
})

function world(
  one: AppFacts,
  its: { builds: string[]; phase: string },
  isItsTurn: boolean,
  isCancelled: boolean,
): AppFacts {
  if (one.state === 'building' && one.build?.state === 'running') {
    if (one.stopping) return { ...one, build: { ...one.build, state: 'cancelled' } }
    if (!isItsTurn) return one
    const outcome = its.builds[one.attempts - 1]!
    if (outcome === 'succeeded')
      return { ...one, build: { ...one.build, state: 'succeeded', artifact: 'digest' } }
    return { ...one, build: { ...failedBuild, id: one.build.id, interrupted: outcome === 'interrupted' } }
  }
  if (one.state === 'releasing' && one.rollout?.phase === 'starting') {
    if (one.stopping && isCancelled) return { ...one, rollout: { ...one.rollout, phase: 'aborted' } }
    if (isItsTurn) return { ...one, rollout: { ...one.rollout, phase: its.phase as 'live' } }
  }
  return one
}

function check(
  facts: AppFacts[],
  decision: Decision,
  cancelledBy: string | null,
  delivered: Map<string, number>,
): void {
  const deliveries = decision.actions.filter(
    (action): action is Extract<Action, { do: 'deliver' }> => action.do === 'deliver',
  )
  if (deliveries.length === 0) return
  expect(cancelledBy).toBeNull()
  const after = new Map<string, AppState>(
    facts.map((one) => [one.app, decision.changes[one.app]?.state ?? one.state]),
  )
  expect([...after.values()].some((state) => ['waiting', 'building', 'failed'].includes(state))).toBe(false)
  for (const name of deliveries.flatMap((action) => action.apps)) {
    expect(delivered.has(name)).toBe(false)
    for (const need of outerNeeds(name, facts))
      expect(['live', 'unchanged', 'cancelled']).toContain(after.get(need))
  }
}

function applied(
  one: AppFacts,
  decision: Decision,
  unchanged: boolean,
  delivered: Map<string, number>,
): AppFacts {
  const change = decision.changes[one.app]
  let next: AppFacts = {
    ...one,
    ...(change && { state: change.state, stopping: change.stopping ?? one.stopping }),
  }
  if (change?.artifact) next.built = true
  for (const action of decision.actions) {
    if (action.do === 'build' && action.app === one.app) {
      next = {
        ...next,
        attempts: one.attempts + 1,
        build: { ...one.build!, state: 'running', interrupted: false },
      }
    }
    if (action.do === 'deliver' && action.apps.includes(one.app)) {
      delivered.set(one.app, (delivered.get(one.app) ?? 0) + 1)
      const rollout = {
        id: `o_${one.app}`,
        phase: 'starting' as const,
        message: '',
        hint: null,
        lastLines: [],
        release: 1,
      }
      next = unchanged ? { ...next, state: 'unchanged' } : { ...next, state: 'releasing', rollout }
    }
  }
  return next
}
