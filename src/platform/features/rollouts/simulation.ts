/**
 * Rollouts of one app under a schedule of faults, without a database or an engine: the real decisions over a model
 * world, with a journal in memory in place of rows. Every change of the world and every decision is checked against
 * what must always hold; `violations` names what did not.
 */
import type { Artifact, RunSpec } from '../../../api/app-spec.ts'
import type { Desired, Job, Observation, Target } from '../../../engines/engine.ts'
import { askAgain } from './command.ts'
import { decide, owed } from './decide.ts'
import { newRollout } from './new-rollout.ts'
import { healthy, isFresh } from './observed.ts'
import { plannedCounts, steadyPlan, stepSize, WEB, wantedCounts, withPlan } from './plan.ts'
import {
  commandKey,
  EMPTY_PLAN,
  type Facts,
  isActive,
  isOver,
  type Plan,
  type ReleaseFacts,
  type RolloutState,
  setId,
  type TargetState,
} from './state.ts'

/** What the simulation needs of an engine; the model world of the tests has this shape. */
export interface SimulatedWorld {
  now(): number
  advance(milliseconds: number): void
  apply(target: Target, generation: number, desired: Desired): void
  observe(target: Target): Observation
  run(target: Target, job: Job): import('../../../engines/engine.ts').JobStatus
  job(key: string): import('../../../engines/engine.ts').JobStatus | null
  cancel(key: string): void
  starts: Map<string, number>
}

export type CallFault = 'none' | 'lost-request' | 'lost-answer' | 'duplicate'
export interface PassFaults {
  observe?: 'none' | 'away' | 'stale'
  crash?: 'none' | 'before-persist' | 'after-persist'
  effect?: CallFault
  /** Someone asks for an abort between the look and the decision's commit. */
  raced?: boolean
}

const ARTIFACT = { digest: 'a', layers: [] } as unknown as Artifact

export function createSimulation(world: SimulatedWorld, name = { app: 'web-app', environment: 'stage' }) {
  let target: TargetState = {
    ...name,
    generation: 0,
    plan: EMPTY_PLAN,
    live: null,
    declared: {},
    overrides: {},
  }
  const rollouts: RolloutState[] = []
  const releases = new Map<number, ReleaseFacts>()
  const asks = new Map<number, number>()
  const violations: string[] = []
  let seen: Observation | null = null
  let delayed: (() => void)[] = []
  let mostWanted: Record<string, number> = {}
  /** False once something outside the rules (a crash of the app, an engine that lost everything) took capacity away. */
  let isCalm = true
  /** True once someone scaled down: what stops for that takes room beside what starts. */
  let isScaledDown = false

  const current = () =>
    rollouts.find((one) => isActive(one.phase)) ?? rollouts.find((one) => one.phase === 'queued')

  function gather(rollout: RolloutState, faults: PassFaults): Facts {
    if (faults.observe !== 'stale' || !seen) {
      if (faults.observe !== 'away') seen = world.observe(name)
    }
    const observation = faults.observe === 'away' ? null : seen
    const previous = rollout.phase === 'queued' ? target.live : rollout.previous
    return {
      now: world.now(),
      rollout,
      target,
      next: releases.get(rollout.release) as ReleaseFacts,
      previous: previous === null ? null : (releases.get(previous) ?? null),
      turn: !rollouts.some((one) => one !== rollout && isActive(one.phase)),
      observation,
      away: observation ? null : 'it is away',
      job: observation && rollout.attempt > 0 ? world.job(commandKey(rollout)) : null,
      trouble: null,
    }
  }

  function persist(facts: Facts, next: { rollout: RolloutState; target: TargetState }) {
    const place = rollouts.findIndex((one) => one.id === facts.rollout.id)
    if (rollouts[place] !== facts.rollout || target !== facts.target) return
    checkDecision(facts, next)
    rollouts[place] = next.rollout
    target = next.target
  }

  function checkDecision(facts: Facts, next: { rollout: RolloutState; target: TargetState }) {
    const { plan } = next.target
    const isChanged = next.target.generation !== facts.target.generation
    if (
      isChanged &&
      !isFresh(facts) &&
      facts.rollout.phase !== 'undoing' &&
      next.rollout.phase !== 'undoing'
    ) {
      violations.push(`a new plan in ${facts.rollout.phase} rests on old facts`)
    }
    for (const [id, weight] of Object.entries(plan.weights)) {
      const isNew = weight > 0 && !(facts.target.plan.weights[id] ?? 0)
      const release = Number(id.slice(1))
      if (isNew && isCalm && healthy(facts.observation, release, WEB) === 0) {
        violations.push(`traffic goes to ${id}, of which nothing is healthy`)
      }
    }
    if (next.target.live !== facts.target.live && facts.observation?.settled !== true) {
      violations.push(`v${next.target.live} is called live, but the engine has not settled`)
    }
  }

  function materialise(plan: Plan): Desired {
    return {
      sets: plan.sets.map((set) => ({
        id: setId(set.release),
        release: set.release,
        artifact: ARTIFACT,
        config: {},
        processes: Object.fromEntries(
          Object.entries(set.counts).map(([process, count]) => {
            const spec = releases.get(set.release)?.run.processes[process]
            return [process, { ...(spec as RunSpec['processes'][string]), count }]
          }),
        ),
      })),
      split: [{ weights: plan.weights }],
      crons: [],
      restarts: plan.restarts,
    }
  }

  function call(fault: CallFault | undefined, work: () => void) {
    if (fault === 'lost-request') return
    if (fault === 'duplicate') delayed.push(work)
    attempt(work)
    checkWorld()
  }

  /** The engine refuses an older generation: what a late duplicate meets. */
  function attempt(work: () => void) {
    try {
      work()
    } catch (error) {
      if ((error as { code?: string }).code !== 'CONFLICT') throw error
    }
  }

  function effects(facts: Facts, fault: CallFault | undefined) {
    const { rollout } = facts
    for (const effect of owed(facts)) {
      const { generation, plan } = facts.target
      const desired = materialise(plan)
      if (effect === 'apply') call(fault, () => world.apply(name, generation, desired))
      if (effect === 'cancel') call(fault, () => world.cancel(commandKey(rollout)))
      if (effect === 'run') {
        const { processes: _none, ...set } = materialise({
          ...EMPTY_PLAN,
          sets: [{ release: rollout.release, counts: {} }],
        }).sets[0] as Desired['sets'][number]
        const key = commandKey(rollout)
        call(fault, () => world.run(name, { key, set, command: 'migrate', process: 'release' }))
      }
    }
  }

  function checkWorld() {
    const observation = world.observe(name)
    for (const [process, most] of Object.entries(mostWanted)) {
      const running = observation.sets
        .flatMap((set) => set.processes)
        .filter((one) => one.process === process)
      const surge = Math.max(
        ...[...releases.values()].map((one) => one.run.processes[process]?.surgePercent ?? 0),
      )
      const room = Math.max(...Array.from({ length: most }, (_, one) => one + 1 + stepSize(one + 1, surge)))
      if (running.length > room && !isScaledDown)
        violations.push(
          `${running.length} ${process} run, ${room} are allowed: ${JSON.stringify(target.plan)}`,
        )
    }
    if (isCalm && target.live !== null && (mostWanted[WEB] ?? 0) > 0) {
      const served = Object.entries(observation.split.at(-1)?.weights ?? {}).some(
        ([id, weight]) => weight > 0 && healthy(observation, Number(id.slice(1)), WEB) > 0,
      )
      if (!served) violations.push(`nobody healthy is served: ${JSON.stringify(observation.split)}`)
    }
    const count = [...world.starts.values()].some((starts) => starts > 1)
    if (count) violations.push('a release command was started twice under one key')
    for (const [release, asked] of asks) {
      const ids = rollouts.filter((one) => one.release === release).map((one) => one.id)
      const started = [...world.starts.keys()].filter((key) => ids.some((id) => key.startsWith(`${id}-`)))
      if (started.length > asked) violations.push(`the release command of v${release} ran too often`)
    }
  }

  return {
    violations,
    rollouts,
    target: () => target,
    current,
    /** A new release of the app begins its way. */
    ship(run: RunSpec, whenBusy: 'supersede' | 'queue'): number {
      const number = releases.size + 1
      releases.set(number, { number, run })
      asks.set(number, 1)
      for (const [process, count] of Object.entries(wantedCounts(run, target)))
        mostWanted = { ...mostWanted, [process]: Math.max(count, mostWanted[process] ?? 0) }
      if (whenBusy === 'supersede') {
        rollouts.forEach((one, place) => {
          if (!isOver(one.phase) && !one.intent)
            rollouts[place] = { ...one, intent: 'supersede', intentBy: `v${number}` }
        })
      }
      rollouts.push(
        newRollout({ ...name, id: `o_${rollouts.length}`, release: number, by: 'ada', now: world.now() }),
      )
      return number
    },
    abort() {
      const rollout = current()
      if (rollout) rollouts[rollouts.indexOf(rollout)] = { ...rollout, intent: 'abort', intentBy: 'ada' }
    },
    retry() {
      const rollout = current()
      const again = rollout && askAgain({ rollout, target, now: world.now() })
      if (rollout && again) {
        asks.set(rollout.release, (asks.get(rollout.release) ?? 0) + 1)
        rollouts[rollouts.indexOf(rollout)] = again.rollout
      }
      const last = rollouts.at(-1)
      if (rollout || !last || !isOver(last.phase) || last.phase === 'live') return
      if (!last.commandDone) asks.set(last.release, (asks.get(last.release) ?? 0) + 1)
      const id = `o_${rollouts.length}`
      const { release, commandDone } = last
      rollouts.push(newRollout({ ...name, id, release, by: 'ada', now: world.now(), commandDone }))
    },
    scale(process: string, count: number) {
      isScaledDown ||= count < (target.overrides[process]?.count ?? 0)
      const override = { count, by: 'ada', at: '', reason: null }
      target = { ...target, overrides: { ...target.overrides, [process]: override } }
      mostWanted = { ...mostWanted, [process]: Math.max(count, mostWanted[process] ?? 0) }
      const live = target.live === null ? null : (releases.get(target.live) ?? null)
      if (!current() && live) target = withPlan(target, steadyPlan(live, target))
    },
    /** Something took capacity away that no rule can hold: from here on nothing is promised about who is served. */
    disturbed() {
      isCalm = false
      seen = null
    },
    advance(milliseconds: number) {
      world.advance(milliseconds)
      checkWorld()
    },
    /** Late duplicates of calls arrive. */
    deliverDelayed() {
      const late = delayed
      delayed = []
      for (const work of late) attempt(work)
      checkWorld()
    },
    /** One look at the target as the loop takes it, with what goes wrong on the way. True when something changed. */
    pass(faults: PassFaults = {}): boolean {
      const rollout = current()
      if (!rollout) {
        const observation = world.observe(name)
        if (observation.generation >= target.generation) return false
        const { generation, plan } = target
        call(faults.effect, () => world.apply(name, generation, materialise(plan)))
        return true
      }
      const facts = gather(rollout, faults)
      const step = decide(facts)
      if (faults.crash === 'before-persist') return true
      if (faults.raced) this.abort()
      if (step) persist(facts, step)
      if (faults.crash === 'after-persist') return true
      const now = rollouts.find((one) => one.id === rollout.id) as RolloutState
      const owing = { ...facts, rollout: now, target }
      if (!isOver(now.phase)) effects(owing, faults.effect)
      return step !== null || owed(owing).length > 0
    },
    planned: (release: number) => plannedCounts(target.plan, release),
  }
}
