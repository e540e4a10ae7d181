/**
 * What must always hold, as the design says it, and where the simulator looks:
 *
 * 1. Every change is one transaction, state and event; nothing acknowledged is lost. `ended`: each rollout's history is
 *    in the timeline, phase by phase, once; every acknowledged ship, abort, scale and restart is in what was kept.
 * 2. A release never changes; status is what the engine observed. `decided`: no plan rests on facts of an older one,
 *    and "live" is said only of what the engine calls settled.
 * 3. Traffic moves only to a healthy set; the old one serves until then; requests under way finish; a failed rollout
 *    leaves the old release serving and says why. `decided`, `looked` after every step; `ended`.
 * 4. Every step can be killed at any moment, and the system converges. Every schedule comes to rest, and `ended`.
 * 5. Domain rules are pure: the simulator runs them without a database, so they are.
 * 6. No secret in an event. Here only on the stage with a real store, which gives every release a secret.
 *
 * Not here: permissions (7), sentences for people's mistakes (8), events in commit order (tests of the database).
 */
import type { RunSpec } from '../../src/api/app-spec.ts'
import type { Observation } from '../../src/engines/engine.ts'
import { healthy, isFresh } from '../../src/platform/features/rollouts/observed.ts'
import { stepSize, WEB, wantedCounts } from '../../src/platform/features/rollouts/plan.ts'
import {
  isOver,
  type RolloutState,
  type Step,
  type TargetState,
} from '../../src/platform/features/rollouts/state.ts'
import type { ModelWorld } from '../model-world.ts'
import type { Kept, Stage } from './stage.ts'

export interface Acknowledged {
  ships: { release: number; rollout: string; run: RunSpec; isGood: boolean }[]
  aborts: Set<string>
  /** By process: the last count that was acknowledged. */
  counts: Record<string, number>
  /** By process. */
  restarts: Record<string, number>
  /** By release: how often its command was asked for. */
  commands: Map<number, number>
}

export type Invariants = ReturnType<typeof createInvariants>

export function createInvariants(world: ModelWorld, place: Stage['place'], known: Acknowledged) {
  const violations: string[] = []
  let live: number | null = null
  /** False from the moment at which something took capacity away that no rule can hold, until all is well again. */
  let isCalm = true
  /** Most that was wanted of each process since all was well; what stops after a scale-down takes room beside it. */
  let most: Record<string, number> = {}
  let isShrinking = false
  /** The newest that the engine was seen to have taken over. */
  let generation = 0
  /** True while more may run than a rollout has room for. */
  let isLoose = false

  const say = (what: string) => {
    if (violations.length < 20) violations.push(what)
  }

  function decided(
    before: { rollout: RolloutState; target: TargetState; observation: Observation | null },
    { rollout, target }: Step,
  ) {
    const { observation } = before
    const isUndoing =
      before.rollout.phase === 'undoing' ||
      ['undoing', 'failed', 'aborted', 'superseded'].includes(rollout.phase)
    const isPlanned = target.generation !== before.target.generation
    const facts = { observation, target: before.target }
    if (isPlanned && !isUndoing && !isFresh(facts))
      say(`a new plan in ${before.rollout.phase} rests on old facts`)
    for (const [id, weight] of Object.entries(target.plan.weights)) {
      const isNew = weight > 0 && !(before.target.plan.weights[id] ?? 0)
      // Where the engine refused the new set, the old one is called back without a look: then the world counts.
      const real = observation ?? world.observe(place)
      if (isNew && isCalm && healthy(real, Number(id.slice(1)), WEB) === 0)
        say(`traffic goes to ${id}, of which nothing is healthy`)
    }
    if (target.live !== before.target.live && observation?.settled !== true)
      say(`v${target.live} is called live, but the engine has not settled`)
    live = target.live
  }

  /** The world as it is now. */
  function looked() {
    const observation = world.observe(place)
    if (observation.generation < generation)
      say(`the engine went back from generation ${generation} to ${observation.generation}`)
    generation = observation.generation
    const counts: Record<string, number> = {}
    for (const set of observation.sets)
      for (const { process } of set.processes) counts[process] = (counts[process] ?? 0) + 1
    for (const [process, count] of Object.entries(counts)) {
      const room = roomFor(process)
      // A restart brings and ends processes of its own, and what a scale-down ends takes room beside what starts.
      if (count > room && !isShrinking && !isLoose) say(`${count} ${process} run, ${room} are allowed`)
    }
    // A release without `web` takes the traffic away; that is what was asked for.
    const haveWeb = [live, ...observation.sets.map(({ id }) => Number(id.slice(1)))].every(hasWeb)
    if (isCalm && haveWeb) {
      const weights = observation.split.at(-1)?.weights ?? {}
      const isServed = Object.keys(weights).some(
        (id) => (weights[id] ?? 0) > 0 && healthy(observation, Number(id.slice(1)), WEB) > 0,
      )
      if (!isServed) say(`nobody healthy is served: ${JSON.stringify(weights)}`)
    }
    for (const words of world.cut.splice(0)) say(words)
    for (const [key, starts] of world.starts)
      if (starts > 1) say(`the release command ${key} was started ${starts} times`)
  }

  function hasWeb(release: number | null): boolean {
    return known.ships.some((one) => one.release === release && WEB in one.run.processes)
  }

  /** As many as may run of a process while one release follows another. */
  function roomFor(process: string): number {
    const surge = Math.max(...known.ships.map(({ run }) => run.processes[process]?.surgePercent ?? 0))
    const counts = Array.from({ length: most[process] ?? 1 }, (_, one) => one + 1)
    return Math.max(...counts.map((count) => count + stepSize(count, surge)))
  }

  function wants(process: string, count: number) {
    isShrinking ||= count < (most[process] ?? 0)
    most[process] = Math.max(count, most[process] ?? 0)
  }

  return {
    violations,
    say,
    decided,
    looked,
    wants,
    restarts() {
      isLoose = true
    },
    disturbed() {
      isCalm = false
    },
    /** An engine that knows nothing can't refuse what is old either. */
    forgets() {
      generation = 0
      isCalm = false
      isLoose = true
    },
    /** Nothing moves any more: what was promised before a disturbance is promised again. */
    rested({ target }: Kept) {
      isCalm = true
      isShrinking = false
      isLoose = false
      const run = known.ships.find(({ release }) => release === target.live)?.run
      most = run ? wantedCounts(run, target) : {}
      live = target.live
    },
    /** After the schedule, when nothing moves any more. */
    ended(kept: Kept) {
      const { target, rollouts, releases } = kept
      for (const { id, phase, message } of rollouts) {
        if (!isOver(phase)) say(`${id} is ${phase}, and nothing moves any more`)
        if (message === '') say(`${id} is ${phase} and does not say why`)
      }
      checkAcknowledged(kept)
      checkTimeline(kept)
      checkWorld(target)
      const serving = [...releases].filter(([, state]) => state === 'live').map(([number]) => number)
      if (serving.join() !== String(target.live ?? ''))
        say(`releases ${serving.join()} are called live, v${target.live} serves`)
    },
  }

  function checkAcknowledged({ target, rollouts }: Kept) {
    for (const { rollout, release } of known.ships)
      if (!rollouts.some((one) => one.id === rollout)) say(`the rollout of v${release} is lost`)
    for (const id of known.aborts)
      if (rollouts.find((one) => one.id === id)?.phase === 'live') say(`${id} was given up and is live`)
    for (const [process, count] of Object.entries(known.counts)) {
      const kept = target.overrides[process]?.count
      if (kept !== count) say(`${process} was scaled to ${count}, ${kept} was kept`)
    }
    for (const [process, count] of Object.entries(known.restarts)) {
      const kept = target.plan.restarts[process] ?? 0
      if (kept !== count) say(`${process} was restarted ${count} times, ${kept} were kept`)
    }
    for (const [release, asked] of known.commands) {
      const ids = rollouts.filter((one) => one.release === release).map((one) => `${one.id}-`)
      const started = [...world.starts.keys()].filter((key) => ids.some((id) => key.startsWith(id)))
      if (started.length > asked) say(`the release command of v${release} ran too often`)
    }
  }

  /** Each phase of each rollout once and in order. A command that is asked for again is told as a retry. */
  function checkTimeline({ rollouts, events }: Kept) {
    for (const { id, history } of rollouts) {
      const told = events
        .filter((one) => one.rollout === id && one.kind !== 'rollout.abort-requested')
        .map(({ kind }) => (kind === 'rollout.retried' ? 'release-command' : kind.slice('rollout.'.length)))
      const lived = history.map(({ phase }) => phase as string).filter((phase) => phase !== 'queued')
      // A retry of a rollout that was over begins another one; its event names that.
      const isAnother = told[0] === 'release-command' && told.length === lived.length + 1
      if ((isAnother ? told.slice(1) : told).join() !== lived.join())
        say(`${id} went ${lived.join()}, the timeline says ${told.join()}`)
    }
  }

  function checkWorld(target: TargetState) {
    const { sets } = world.observe(place)
    const ship = known.ships.find(({ release }) => release === target.live)
    if (ship && !ship.isGood) say(`v${target.live} serves, though it does not come up`)
    const wanted = ship ? wantedCounts(ship.run, target) : {}
    for (const { id, processes } of sets) {
      if (processes.length > 0 && id !== `v${target.live}`) say(`${id} still runs beside v${target.live}`)
    }
    for (const [process, count] of Object.entries(wanted)) {
      const there = sets
        .find((set) => set.id === `v${target.live}`)
        ?.processes.filter((one) => one.process === process && one.state === 'healthy').length
      if ((there ?? 0) !== count) say(`${there ?? 0} ${process} of v${target.live} are healthy, not ${count}`)
    }
  }
}
