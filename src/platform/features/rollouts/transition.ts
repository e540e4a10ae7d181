/**
 * The move of traffic and work from one set to another, forwards (a rollout) and backwards (undoing one): the same
 * rules with the roles exchanged. Pure; called with fresh facts only, so that each plan rests on what the plan before
 * it really did.
 *
 * In this order, each step waiting for the one before: new `web` processes come up as far as the room allows; traffic
 * follows healthy processes; old ones stop as new ones serve; when the new set has all traffic, workers and crons
 * change over; the old set goes when its requests are done.
 */
import { alive, healthy, isFresh, leaving, sinceCaughtUp } from './observed.ts'
import {
  askedByHand,
  plannedCounts,
  samePlan,
  steadyPlan,
  stepSize,
  targetFor,
  WEB,
  wantedCounts,
} from './plan.ts'
import { type Facts, type Plan, type ReleaseFacts, setId } from './state.ts'
import { longestBoot } from './trouble.ts'

export interface Move {
  plan: Plan
  stage: 'starting' | 'switching' | 'finishing'
  /** Everything is where it belongs, and the engine has said so. */
  done: boolean
  healthy: number
  wanted: number
}

interface Direction {
  to: ReleaseFacts | null
  from: ReleaseFacts | null
  /** The set that is left has failed: only its healthy processes are worth their room. */
  backward: boolean
}

export function transition(facts: Facts, direction: Direction): Move {
  const { to, from } = direction
  if (!to) return emptied(facts)
  const { target, observation } = facts
  const wanted = wantedCounts(to.run, targetFor(facts, to.number))
  const total = wanted[WEB] ?? 0
  const isUp = healthy(observation, to.number, WEB)
  // Going back must end even where the old release is no longer healthy by itself.
  const forced = direction.backward && sinceCaughtUp(facts) > longestBoot(to)
  const base = { healthy: Math.min(isUp, total), wanted: total }
  const weights: Record<string, number> = total > 0 ? { [setId(to.number)]: 1 } : {}
  const taken = isFresh(facts) && sameWeights(target.plan.weights, weights)
  // Who has all the traffic keeps it while a scale by hand brings more.
  const keeps = taken && !direction.backward && isUp > 0
  if (isUp < total && !forced && !keeps) return { ...base, ...switching(facts, to, from, direction.backward) }

  const counts = taken ? takeOver(facts, to, from, wanted) : { ...keptWork(facts, to, wanted), [WEB]: total }
  if (wanted[WEB] === undefined) delete counts[WEB]
  const working = Object.entries(wanted).every(([name, count]) => {
    const asked = counts[name] ?? 0
    return (name === WEB || asked === count) && healthy(observation, to.number, name) >= asked
  })
  const leaves = from !== null && target.plan.sets.some((set) => set.release === from.number)
  const stays = leaves && !(taken && (working || direction.backward) && isDrained(facts, from))
  const plan: Plan = {
    sets: [
      ...(stays ? [{ release: from.number, counts: remaining(facts, from, taken) }] : []),
      { release: to.number, counts },
    ],
    weights,
    crons: taken ? to.number : target.plan.crons,
    ...askedByHand(target.plan),
  }
  const steady = samePlan(plan, steadyPlan(to, targetFor(facts, to.number))) && samePlan(plan, target.plan)
  const isAlone =
    observation?.sets.every((set) => set.id === setId(to.number) || set.processes.length === 0) === true
  const settled = direction.backward ? isAlone && (isUp >= total || forced) : observation?.settled === true
  return { ...base, plan, stage: 'finishing', done: steady && isFresh(facts) && settled }
}

/** The part before all of the new set's `web` is healthy. */
function switching(
  facts: Facts,
  to: ReleaseFacts,
  from: ReleaseFacts | null,
  backward: boolean,
): Pick<Move, 'plan' | 'stage' | 'done'> {
  const { target, observation } = facts
  const plan = target.plan
  const wanted = wantedCounts(to.run, targetFor(facts, to.number))
  const total = wanted[WEB] ?? 0
  const before = from ? wantedCounts(from.run, targetFor(facts, from.number)) : {}
  const oldNow = from ? (plannedCounts(plan, from.number)[WEB] ?? 0) : 0
  // On the way back the set that is left stays as large as it is, also where fewer are wanted by now: room is beside it.
  const most = Math.max(total, before[WEB] ?? 0, backward ? oldNow : 0)
  const room = most + stepSize(most, (to.run.processes[WEB] ?? { surgePercent: 100 }).surgePercent)
  const up = healthy(observation, to.number, WEB)
  const now = Math.min(plannedCounts(plan, to.number)[WEB] ?? 0, total)
  const isIn = plan.sets.some((set) => set.release === to.number)
  const isStepUp = isIn && now > 0 && up >= now
  const hasTraffic = (plan.weights[setId(to.number)] ?? 0) > 0

  const oldUp = from ? healthy(observation, from.number, WEB) : 0
  // Until the new set serves, the old one follows a scale by hand, as far as there is room.
  const asked = Math.min(
    before[WEB] ?? 0,
    Math.max(oldNow, room - Math.max(now, alive(observation, to.number, WEB))),
  )
  const worth = backward ? Math.min(oldNow, oldUp) : hasTraffic || isStepUp ? oldNow : asked
  const old = isStepUp ? Math.min(worth, Math.max(0, most - up)) : worth
  const taken = Math.max(old, from ? alive(observation, from.number, WEB) : 0)
  const grown = Math.max(now, Math.min(total, room - taken - leaving(observation, to.number, WEB)))

  const shares = from && Math.min(old, oldUp) > 0 ? { [setId(from.number)]: Math.min(old, oldUp) } : {}
  const isLost = hasTraffic && up === 0 && oldUp > 0
  const weights = isLost
    ? shares
    : isStepUp || (backward && up > 0)
      ? { ...shares, [setId(to.number)]: up }
      : plan.weights
  const counts = { ...keptWork(facts, to, wanted), [WEB]: grown }
  // Workers that have changed over stay where they are.
  const oldCounts =
    backward || plan.crons === to.number
      ? { ...plannedCounts(plan, from?.number ?? 0), [WEB]: old }
      : { ...before, [WEB]: old }
  if (from && !(WEB in from.run.processes)) delete (oldCounts as Record<string, number>)[WEB]
  const keepsOld = from !== null && plan.sets.some((set) => set.release === from.number)
  return {
    plan: {
      sets: [
        ...(keepsOld ? [{ release: from.number, counts: oldCounts }] : []),
        { release: to.number, counts },
      ],
      weights,
      crons: plan.crons,
      ...askedByHand(plan),
    },
    stage: (weights[setId(to.number)] ?? 0) > 0 ? 'switching' : 'starting',
    done: false,
  }
}

/** Workers change over: the old ones stop at once, new ones start as far as the room allows, as more `web` does. */
function takeOver(
  facts: Facts,
  to: ReleaseFacts,
  from: ReleaseFacts | null,
  wanted: Record<string, number>,
): Record<string, number> {
  const now = plannedCounts(facts.target.plan, to.number)
  const before = from ? wantedCounts(from.run, targetFor(facts, from.number)) : {}
  return Object.fromEntries(
    Object.entries(wanted).map(([name, count]) => {
      const most = Math.max(count, before[name] ?? 0)
      const room = most + stepSize(most, to.run.processes[name]?.surgePercent ?? 100)
      const taken = from ? alive(facts.observation, from.number, name) : 0
      const ending = leaving(facts.observation, to.number, name)
      return [name, Math.min(count, Math.max(now[name] ?? 0, room - taken - ending))]
    }),
  )
}

/** What is left of the old set: `web` for requests under way, workers until the new set has the traffic. */
function remaining(facts: Facts, from: ReleaseFacts, taken: boolean): Record<string, number> {
  const now = plannedCounts(facts.target.plan, from.number)
  return Object.fromEntries(
    Object.entries(now).map(([name, count]) => [name, name === WEB || !taken ? count : 0]),
  )
}

/** The engine routes nothing to the set any more, and its requests are done or had their time. */
function isDrained(facts: Facts, from: ReleaseFacts): boolean {
  const set = facts.observation?.sets.find((candidate) => candidate.id === setId(from.number))
  const grace = (from.run.processes[WEB]?.graceSeconds ?? 0) * 1000
  return !set || set.inFlight === 0 || sinceCaughtUp(facts) > grace
}

/** Nothing runs, nothing is served: what is left of a first release that failed. */
function emptied(facts: Facts): Move {
  const plan = steadyPlan(null, facts.target)
  const gone = facts.observation?.sets.every((set) => set.processes.length === 0) === true
  const done = samePlan(plan, facts.target.plan) && isFresh(facts) && gone
  return { plan, stage: 'finishing', done, healthy: 0, wanted: 0 }
}

/** Workers stay as they are until the traffic has moved: none on the way forward, what is left on the way back. */
function keptWork(facts: Facts, to: ReleaseFacts, wanted: Record<string, number>): Record<string, number> {
  const now = plannedCounts(facts.target.plan, to.number)
  return Object.fromEntries(
    Object.entries(wanted).map(([name, count]) => [name, Math.min(count, now[name] ?? 0)]),
  )
}

function sameWeights(one: Record<string, number>, other: Record<string, number>): boolean {
  const keys = Object.keys(one).filter((key) => one[key] !== 0)
  return keys.length === Object.keys(other).length && keys.every((key) => key in other)
}
