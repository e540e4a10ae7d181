/** Faults put into the rules on purpose, each of which the simulator must notice: one that finds none proves nothing. */
import { askAgain } from '../../src/platform/features/rollouts/command.ts'
import { decide, owed } from '../../src/platform/features/rollouts/decide.ts'
import type { Journal } from '../../src/platform/features/rollouts/journal.ts'
import { WEB } from '../../src/platform/features/rollouts/plan.ts'
import { type Facts, type Plan, type Step, setId } from '../../src/platform/features/rollouts/state.ts'
import type { Broken } from './play.ts'

/** The rules over other facts, or with another outcome. */
function rules(change: {
  facts?: (facts: Facts) => Facts
  step?: (step: Step, facts: Facts) => Step
}): Broken {
  const { facts = (same) => same, step = (same) => same } = change
  return {
    rules: {
      decide(given) {
        const decided = decide(facts(given))
        return decided && step(decided, given)
      },
      owed,
    },
  }
}

/** Another plan while a release comes up. */
function planned(change: (plan: Plan, release: number) => Plan): Broken {
  const phases = ['starting', 'switching']
  return rules({
    step(step) {
      const { rollout, target } = step
      if (!phases.includes(rollout.phase)) return step
      return { ...step, target: { ...target, plan: change(target.plan, rollout.release) } }
    },
  })
}

function seen(change: (observation: NonNullable<Facts['observation']>, facts: Facts) => object): Broken {
  return rules({
    facts(facts) {
      const { observation } = facts
      return observation
        ? { ...facts, observation: { ...observation, ...change(observation, facts) } }
        : facts
    },
  })
}

const journal = (change: (journal: Journal) => Partial<Journal>): Broken => ({
  journal: (real) => ({ ...real, ...change(real) }),
})

/** Asks the engine once for each generation, whatever becomes of the call. */
function askedOnce(): Broken {
  const asked = new Set<string>()
  return {
    rules: {
      decide,
      owed: (facts) =>
        owed(facts).filter((effect) => {
          const name = `${effect} ${facts.rollout.id} ${facts.target.generation}`
          const isNew = !asked.has(name)
          asked.add(name)
          return isNew || effect !== 'apply'
        }),
    },
  }
}

export const BROKEN: Record<string, () => Broken> = {
  'switches before the new set is healthy': () =>
    planned((plan, release) => ({ ...plan, weights: { ...plan.weights, [setId(release)]: 1 } })),
  'stops the old set when the new one starts': () =>
    planned((plan, release) => ({ ...plan, sets: plan.sets.filter((set) => set.release === release) })),
  'starts more than there is room for': () =>
    planned((plan, release) => ({
      ...plan,
      sets: plan.sets.map((set) =>
        set.release === release
          ? { ...set, counts: { ...set.counts, [WEB]: 3 * (set.counts[WEB] ?? 0) } }
          : set,
      ),
    })),
  'takes facts of an older generation for new ones': () =>
    seen((_, { target }) => ({ generation: target.generation })),
  'lets the engine take over an older generation': () => ({ unfenced: true }),
  'finishes without draining': () =>
    seen(({ sets }) => ({ sets: sets.map((set) => ({ ...set, inFlight: 0 })) })),
  'calls it live before the engine has settled': () => seen(() => ({ settled: true })),
  'forgets that someone gave it up': () =>
    rules({
      facts: (facts) => ({ ...facts, rollout: { ...facts.rollout, intent: null } }),
    }),
  'runs a release command again whose end nobody knows': () =>
    rules({
      step: (step, { now }) => askAgain({ rollout: step.rollout, target: step.target, now }) ?? step,
    }),
  'loses the event': () =>
    journal((real) => ({ commit: (rows, step) => real.commit(rows, { ...step, event: null }) })),
  'writes over what others have changed since': () =>
    journal((real) => ({
      async commit({ row, target }, step) {
        const now = await real.read(target)
        const same = now?.open.find((one) => one.state.id === row.state.id)
        const versions = { target: { ...target, version: now?.target.version ?? 0 }, row: same ?? row }
        return real.commit(versions, step)
      },
    })),
  'asks the engine once and never again': askedOnce,
  'forgets the release that served before': () => rules({ facts: (facts) => ({ ...facts, previous: null }) }),
}
