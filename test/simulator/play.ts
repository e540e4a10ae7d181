/**
 * Plays one schedule: first the app comes up, then whatever the schedule says, then everything that was held back
 * arrives, and the system must come to rest. Time moves only when it is told to.
 */
import { createModelWorld } from '../model-world.ts'
import { type Acknowledged, createInvariants } from './invariants.ts'
import { createLife, type Faults, type Life, type LifeOptions } from './platform.ts'
import { type Action, type Processes, runOf, type Schedule } from './schedule.ts'
import type { Kept, Stage } from './stage.ts'

export interface Broken extends Pick<LifeOptions, 'rules' | 'journal'> {
  /** An engine that takes over older generations. */
  unfenced?: boolean
}

export interface Played {
  violations: string[]
  kept: Kept
}

const NO_FAULTS: Faults = new Map()
/** In steps of at most this; every limit of a rollout is longer. */
const PATIENCE_MS = 500
const MOST_TURNS = 1500
const MOST_LOOKS = 40

export async function play(
  schedule: Schedule,
  stageOf: (now: () => number) => Stage,
  broken: Broken = {},
): Promise<Played> {
  const world = createModelWorld({ fenced: !broken.unfenced })
  const stage = stageOf(world.now)
  const { place } = stage
  const known: Acknowledged = { ships: [], aborts: new Set(), counts: {}, restarts: {}, commands: new Map() }
  const invariants = createInvariants(world, place, known)
  const late: (() => void)[] = []
  const rollouts: string[] = []
  const paused: Life[] = []
  const options: LifeOptions = { stage, world, invariants, late, ...broken }
  let life = createLife(options)

  async function look(faults: Faults): Promise<boolean> {
    const looked = await life.look(faults)
    if (looked === 'paused') paused.push(life)
    if (typeof looked === 'boolean') return looked
    life = createLife(options)
    return true
  }

  async function ship(wish: Omit<Extract<Action, { kind: 'ship' }>, 'kind'>) {
    const run = runOf(wish.processes)
    const { release, rollout } = await stage.ship(run, wish.whenBusy)
    world.behave(place, { outcome: wish.outcome, job: { ms: 150, state: wish.job } }, release)
    known.ships.push({ release, rollout, run, isGood: wish.outcome === 'healthy' })
    known.commands.set(release, 1)
    rollouts.push(rollout)
    for (const process of Object.keys(run.processes)) invariants.wants(process, known.counts[process] ?? 1)
  }

  async function scale(process: string, count: number) {
    if (!(await stage.scale(process, count))) return
    known.counts[process] = count
    invariants.wants(process, count)
  }

  async function restart() {
    const { target, rollouts: all } = await stage.read()
    const number = target.live ?? all.at(-1)?.release
    if (!(await stage.restart())) return
    invariants.restarts()
    const run = known.ships.find(({ release }) => release === number)?.run
    for (const process of Object.keys(run?.processes ?? {}))
      known.restarts[process] = (known.restarts[process] ?? 0) + 1
  }

  async function retry(id: string) {
    if (!(await stage.retry(id))) return
    const { rollouts: all } = await stage.read()
    const { release } = all.find((one) => one.id === id) as Kept['rollouts'][number]
    known.commands.set(release, (known.commands.get(release) ?? 0) + 1)
    const newest = all.at(-1)?.id
    if (newest && !rollouts.includes(newest)) rollouts.push(newest)
  }

  async function arrive() {
    for (const call of late.splice(0)) {
      try {
        call()
      } catch (error) {
        // What the engine refuses, it refuses its sender, who is gone.
        if (!['CONFLICT', 'REFUSED'].includes((error as { code: string }).code)) throw error
      }
    }
    invariants.looked()
  }

  async function act(action: Action) {
    switch (action.kind) {
      case 'look':
        return look(new Map(action.faults))
      case 'advance':
        world.advance(action.milliseconds)
        return invariants.looked()
      case 'request':
        return world.request(place, action.milliseconds)
      case 'ship':
        return ship(action)
      case 'scale':
        return scale('web', action.count)
      case 'restart':
        return restart()
      case 'abort': {
        const id = rollouts.at(-1 - action.back)
        if (id && (await stage.abort(id))) known.aborts.add(id)
        return
      }
      case 'retry': {
        const id = rollouts.at(-1 - action.back)
        return id ? retry(id) : undefined
      }
      case 'late':
        return arrive()
      case 'resume':
        return paused.shift()?.resume()
      case 'app-ends':
        invariants.disturbed()
        return world.crash(place, `v${(await stage.read()).target.live}`)
      case 'engine-restarts':
        return world.restart()
      case 'engine-forgets':
        invariants.forgets()
        return world.restart({ empty: true })
    }
  }

  /** Until nothing moves; nobody answers what a rollout asks, so it is given up. */
  async function rest(): Promise<Kept> {
    for (let turn = 0; turn < MOST_TURNS; turn += 1) {
      let looks = 0
      while (looks < MOST_LOOKS && (await look(NO_FAULTS))) looks += 1
      const kept = await stage.read()
      const open = kept.rollouts.find((one) => one.endedAt === null)
      if (open?.phase === 'asking') {
        if (await stage.abort(open.id)) known.aborts.add(open.id)
        continue
      }
      const next = world.nextAt(place)
      const isBehind = world.observe(place).generation < kept.target.generation
      if (!open && next === null && !isBehind) return kept
      world.advance(Math.min(PATIENCE_MS, (next ?? Number.POSITIVE_INFINITY) - world.now()))
      invariants.looked()
    }
    const kept = await stage.read()
    invariants.say(`it does not come to rest: ${JSON.stringify(kept.rollouts.find((one) => !one.endedAt))}`)
    return kept
  }

  const FIRST: Processes = { web: true, worker: true, releaseCommand: false }
  await ship({ whenBusy: 'supersede', outcome: 'healthy', job: 'succeeded', processes: FIRST })
  await scale('web', schedule.web)
  invariants.rested(await rest())
  for (const action of schedule.actions) await act(action)
  for (const one of paused.splice(0)) await one.resume()
  await rest()
  await arrive()
  const kept = await rest()
  invariants.ended(kept)
  return { violations: invariants.violations, kept }
}
