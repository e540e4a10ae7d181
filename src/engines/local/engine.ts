/**
 * The local engine: apps as processes of this machine, for development, demonstrations and CI. One trust domain: apps
 * run as the person who started it (as root, each app as a user of its own). It lays sets out and speaks to the runner,
 * which does the rest and goes on when this process is gone; it holds no state that a restart could lose.
 */
import { existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { TowError } from '../../api/errors.ts'
import { connectRunner, limitsHere, nameOf, pathsOf, readLogs } from '../../runner/protocol.ts'
import type { ContentSource, Desired, Engine, Problem, Target } from '../engine.ts'
import { lineFilter } from '../log-filter.ts'
import { attachTo } from './attachment.ts'
import { capacityHere } from './capacity.ts'
import { checkMachine, homeClosed } from './check.ts'
import { describeDesired, findDrift } from './describe.ts'
import { domainProblem, seenDomains } from './domains.ts'
import { closedFolder } from './enterable.ts'
import { collectLayers, layOutSet } from './lay-out-set.ts'
import { imageProblem, platformProblem, thisMachine } from './platform.ts'
import { type Prepared, prepareDesired, prepareSet } from './prepare.ts'
import { createRuntimeFinder } from './runtimes.ts'
import { ensureRunner } from './start-runner.ts'
import { createWorkspaces } from './workspaces.ts'

export { shutDownRunner } from './start-runner.ts'

export interface LocalEngineOptions {
  /** The engine's own folder; as root, apps must be able to pass through it. */
  home: string
  /** Shared with the platform; 0600, made where there is none. */
  keyPath: string
  content: ContentSource
  /** The PATH of the person, where language runtimes are looked for. */
  path: string
  /** First of 2000 ports for people and for calls between apps; the first is the shared one. */
  doorPorts?: number
  /** First of 4000 ports given to processes. */
  processPorts?: number
}

const FIRST_DOOR_PORT = 4100
const FIRST_PROCESS_PORT = 21_000
const WATCHDOG_MILLISECONDS = 1000
const AGAIN_AFTER = 200
const UNUSED_LAYER_MILLISECONDS = 24 * 3_600_000

export function createLocalEngine(options: LocalEngineOptions): Engine {
  const { home, keyPath, content } = options
  const paths = pathsOf(home)
  const client = connectRunner(paths.socket)
  const place = {
    home,
    keyPath,
    doorPorts: options.doorPorts ?? FIRST_DOOR_PORT,
    processPorts: options.processPorts ?? FIRST_PROCESS_PORT,
  }
  const ownUsers = process.getuid?.() === 0
  const runtimes = createRuntimeFinder({ path: options.path, ownNode: process.execPath, home, ownUsers })
  const machine = thisMachine()
  const layers = `${home}/layers`
  const layouts = new Map<string, Promise<void>>()
  const workspaces = createWorkspaces()
  let starting: Promise<void> | null = null
  let watchdog: NodeJS.Timeout | null = null
  let closed = false

  /** The runner, started where it is not there, and looked after from then on: without it nobody is served. */
  async function ready(): Promise<void> {
    if (closed) throw new TowError('UNAVAILABLE', 'the local engine is closed')
    starting ??= ensureRunner(place, client).finally(() => {
      starting = null
    })
    await starting
    if (watchdog !== null) return
    watchdog = setInterval(() => {
      client.hello().catch(() => (closed ? undefined : ready().catch(() => {})))
    }, WATCHDOG_MILLISECONDS).unref()
    // Asking every program takes a moment, and the first ship should not pay for it.
    void runtimes.all().catch(() => {})
    void collectLayers(layers, UNUSED_LAYER_MILLISECONDS).catch(() => {})
  }

  /** Every call is safe to repeat, so a runner that went away costs its restart and nothing else. */
  async function ask<Answer>(call: () => Promise<Answer>): Promise<Answer> {
    if (watchdog === null) await ready()
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof TowError) || error.code !== 'UNAVAILABLE') throw error
      await ready()
      return call()
    }
  }

  async function prepare(
    target: Target,
    set: Parameters<typeof prepareSet>[0],
    uid: number | null,
  ): Promise<Prepared> {
    const refusal = platformProblem(set.artifact, machine)
    const chosen = refusal ? { problem: refusal } : await runtimes.choose(set.artifact.runtime)
    if ('problem' in chosen) throw refused(set.id, chosen.problem)
    const workspace = `${paths.targetSets(target)}/${set.id}`
    const before = layouts.get(workspace) ?? Promise.resolve()
    const mine = before
      .catch(() => {})
      .then(() => layOutSet({ layers }, content, { workspace, artifact: set.artifact, uid }))
    layouts.set(workspace, mine)
    try {
      await mine
    } finally {
      if (layouts.get(workspace) === mine) layouts.delete(workspace)
    }
    const closed = ownUsers ? closedFolder(paths.targetSets(target)) : null
    if (closed !== null) throw refused(set.id, homeClosed(closed))
    return { workspace, runtimeFolder: chosen.folder }
  }

  async function apply(target: Target, generation: number, desired: Desired): Promise<void> {
    // Before any file is touched: an order that came too late must not cost a layout.
    const observed = await ask(() => client.observe(target))
    if (generation < observed.generation) throw tooOld(target, generation, observed.generation)
    const { uid } = await ask(() => client.ground(target))
    const layOutAndApply = async () => {
      const prepared = new Map<string, Prepared>()
      for (const set of desired.sets) prepared.set(set.id, await prepare(target, set, uid))
      await ask(() => client.apply(target, generation, prepareDesired(desired, prepared)))
    }
    try {
      await layOutAndApply()
    } catch (error) {
      // A folder that was just given up by an earlier order is laid out once more.
      if (!(error instanceof TowError) || error.code !== 'NOT_FOUND') throw error
      await layOutAndApply()
    }
  }

  async function* again<Item>(open: () => AsyncIterable<Item>, signal: AbortSignal): AsyncGenerator<Item> {
    while (!signal.aborted) {
      try {
        if (watchdog === null) await ready()
        yield* open()
      } catch (error) {
        if (signal.aborted) return
        if (!(error instanceof TowError) || error.code !== 'UNAVAILABLE') throw error
        await ready().catch(() => {})
      }
      await delay(AGAIN_AFTER, undefined, { signal }).catch(() => {})
    }
  }

  return {
    kind: 'local',
    async capabilities() {
      const limits = limitsHere()
      return {
        weights: true,
        spaces: true,
        crons: true,
        terminal: true,
        metrics: true,
        cpuLimit: limits.cpu,
        memoryLimit: limits.memory,
        platform: machine,
        runtimes: (await runtimes.all()).map(({ name, version }) => ({ name, version })),
      }
    },
    capacity: async () => capacityHere(),
    async refuses(artifact) {
      const problem = platformProblem(artifact, machine)
      if (problem) return problem
      const chosen = await runtimes.choose(artifact.runtime)
      return 'problem' in chosen ? chosen.problem : null
    },
    async adopt({ reference }) {
      const { message, hint } = imageProblem(reference)
      throw new TowError('REFUSED', message, { hint })
    },
    async refusesDomain(target, domain) {
      const ground = await ask(() => client.ground(target))
      return domainProblem(domain, `http://127.0.0.1:${new URL(ground.public[0]!).port}`)
    },
    // Whatever runs on this machine runs beside everything else.
    refusesApart: async () => null,
    apply,
    remove: (target, generation) => ask(() => client.remove(target, generation)),
    observe: (target) => ask(() => client.observe(target)),
    observeAll: () => ask(() => client.observeAll()),
    watch: (target, signal) => again(() => client.watch(target, signal), signal),
    async addresses(target) {
      const ground = await ask(() => client.ground(target))
      return { public: ground.public, internal: ground.internal }
    },
    async domains(target) {
      const asked = await ask(() => client.desired(target))
      const hosts = asked?.desired.domains ?? []
      return hosts.length > 0 ? seenDomains(hosts, await ask(() => client.observe(target))) : []
    },
    async *logs(target, query, signal) {
      yield* readLogs(paths.targetLogs(target), target, query, await lineFilter(query), signal)
    },
    async run(target, job) {
      // A job that was started is told of even when its set is long gone.
      const known = await ask(() => client.job(target, job.key))
      if (known) return known
      const { uid } = await ask(() => client.ground(target))
      const set = prepareSet(job.set, await prepare(target, job.set, uid))
      return ask(() => client.run(target, { ...job, set }))
    },
    job: (target, key) => ask(() => client.job(target, key)),
    cancel: (target, key) => ask(() => client.cancel(target, key)),
    async attach(target, key) {
      const socket = await ask(() => client.attach(target, key))
      return attachTo(socket, () => ask(() => client.job(target, key)))
    },
    async workspace(target, set) {
      const folder = `${paths.targetSets(target)}/${set}`
      if (!existsSync(folder)) throw noSet(target, set)
      const { uid } = await ask(() => client.ground(target))
      return workspaces.open(folder, uid, () => ask(() => client.restart(target, set)))
    },
    forward: (target, set, process, port) => ask(() => client.forward(target, { set, process, port })),
    samples: (target, since) => ask(() => client.samples(target, since)),
    async drift(target) {
      const asked = await ask(() => client.desired(target))
      return asked ? findDrift(asked, await ask(() => client.observe(target))) : []
    },
    async export(target) {
      const asked = await ask(() => client.desired(target))
      if (!asked) throw new TowError('NOT_FOUND', `nothing of ${nameOf(target)} runs`)
      return describeDesired(asked)
    },
    async check() {
      return checkMachine({
        home,
        ownUsers,
        runtimes: await runtimes.all(),
        problems: await ask(() => client.problems()),
      })
    },
    async close() {
      closed = true
      if (watchdog) clearInterval(watchdog)
      // A runner that is on its way would come up after everything was said to be stopped, and start it anew.
      await starting?.catch(() => {})
      client.close()
    },
  }
}

function refused(set: string, problem: Problem): TowError {
  return new TowError('REFUSED', `${set} does not run here: ${problem.message}`, { hint: problem.hint })
}

function noSet(target: Target, set: string): TowError {
  return new TowError('NOT_FOUND', `no set ${set} of ${nameOf(target)} runs`)
}

function tooOld(target: Target, generation: number, inForce: number): TowError {
  return new TowError(
    'CONFLICT',
    `generation ${generation} of ${nameOf(target)} is older than ${inForce}, which is in force`,
  )
}
