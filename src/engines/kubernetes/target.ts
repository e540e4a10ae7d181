/**
 * One target: looks at what is, asks `plan` what may move, writes that down, and makes the cluster follow; again after
 * every change. It holds nothing that the record and the cluster do not.
 */
import { TowError } from '../../api/errors.ts'
import type { Observation, Problem, SeenDomain, Target, WantedDomain } from '../engine.ts'
import type { Cluster } from './cluster/connect.ts'
import { collectionPath, type KubeObject, objectPath } from './cluster/kinds.ts'
import type { Pod, Secret } from './cluster/objects.ts'
import { collectConfigs } from './config-secrets.ts'
import { createDomains } from './domains/domains.ts'
import { LOOK_MILLISECONDS } from './domains/own-listeners.ts'
import type { Hop } from './hop/hop.ts'
import { collectJobs } from './jobs.ts'
import { isLanded, land } from './land.ts'
import { type Holder, isHeldBy, takeLease } from './lease.ts'
import type { Lives } from './live/lives.ts'
import { engineClosed, inWords, takenOver } from './messages.ts'
import type { Mirror } from './mirror.ts'
import { LABEL, nameOf, recordName } from './names.ts'
import { createEndpoints, type Reach } from './observe/endpoints.ts'
import type { Explainer } from './observe/explain.ts'
import {
  beginMove,
  followMove,
  lagAfter,
  type Move,
  OTHERS_MILLISECONDS,
  obeyedAt,
} from './observe/gateway.ts'
import { isAccepted, observationOf, readyBySet, routeProblem } from './observe/observation.ts'
import { plan, sameSplit, weightedSets } from './plan.ts'
import { changeRecord, isRefusal, readRecord, type TargetRecord } from './record.ts'
import type { Renderer } from './render/helm.ts'
import { chartValues, type Surroundings } from './render/values.ts'
import { emptyStored, listen, reroute, type Stored, setsOf } from './stored.ts'
import { vanish } from './vanish.ts'

export interface TargetParts {
  cluster: Cluster
  mirror: Mirror
  renderer: Renderer
  explainer: Explainer
  around: Surroundings
  holder: Holder
  /** Milliseconds that a Gateway may take from saying that it has a route to obeying it. */
  routeLag: number
  usage: () => ReadonlyMap<string, { cpuPercent: number; memoryBytes: number }>
  addresses: (target: Target) => Observation['addresses']
  urlOf: (domain: WantedDomain) => string
  lives: Pick<Lives, 'report'>
  hop: Pick<Hop, 'ways' | 'isTold' | 'demand' | 'passes' | 'problem'>
  /** Nothing is decided before. */
  ready: Promise<void>
  /** Where it is, where that is not where the environment is. */
  place?: string
  /** What could be observed has changed. */
  changed: () => void
}

export interface TargetLoop {
  /** Looks again soon. */
  kick(): void
  /** Looks once, from now on; throws what went wrong. */
  pass(): Promise<void>
  /** What will be asked for in a moment: it gets ready for it, and changes nothing. */
  expect(next: Stored): void
  /** It was told what to run: whoever held the target before lets go. */
  claim(): void
  /** What was rendered last, for whoever wants to read it. */
  objects(): Promise<{ stored: Stored; objects: KubeObject[] } | null>
  observe(): Observation
  domains(): Promise<SeenDomain[]>
  close(): void
}

const FIRST_RETRY = 500
const LONGEST_RETRY = 30_000
const COLLECT_MILLISECONDS = 60_000

export function createTargetLoop(target: Target, parts: TargetParts): TargetLoop {
  const { cluster, mirror, renderer, explainer, holder, hop } = parts
  const owner = { platform: holder.platform, target }
  const name = nameOf(target)
  // The hop says itself what it does, and waits for whom the cluster does not lead to yet.
  const routeLag = target.space === undefined ? parts.routeLag : 0
  let running = false
  let again = false
  let closed = false
  let timer: NodeJS.Timeout | null = null
  let wakeAt: number | null = null
  let failures = 0
  let problem: Problem | null = null
  let objects: KubeObject[] = []
  /** What `objects` were rendered from. */
  let rendered = ''
  /** The move of traffic under way, and when it was asked for. */
  let move: Move | null = null
  let asked: Pick<Move, 'key' | 'askedAt'> = { key: '', askedAt: 0 }
  /** Which sets of the split have somebody who is ready, and since when: whoever routes hears of it later. */
  let manned: { key: string; since: number } | null = null
  const reached = createEndpoints()
  const { platform } = holder
  const { gateways } = parts.around
  const domains = createDomains(cluster, target, { platform, gateways, urlOf: parts.urlOf })
  let collectedAt = 0
  let isOurs = false
  const waiting: PromiseWithResolvers<void>[] = []

  const mine = <Item extends KubeObject>(items: Item[]) =>
    items.filter(({ metadata }) => metadata.labels?.[LABEL.app] === name)
  const pods = () => mine(mirror.pods.all())
  const ofTarget = `${LABEL.app}=${name},${LABEL.platform}=${holder.platform}`
  const record = (): TargetRecord | null => {
    const found = mirror.records.get(recordName(target))
    return found ? readRecord(found) : null
  }

  function kick(): void {
    again = true
    if (running || closed) return
    running = true
    setImmediate(run)
  }

  async function run(): Promise<void> {
    const asked = waiting.splice(0)
    try {
      while (again && !closed) {
        again = false
        await parts.ready
        await step()
        failures = 0
        problem = null
        for (const one of asked.splice(0)) one.resolve()
      }
      for (const one of asked) one.reject(engineClosed())
    } catch (error) {
      failures += 1
      const told = inWords(error, `${name} in ${target.environment}`)
      problem = { code: 'not-applied', message: told.message, ...hintOf(told) }
      for (const one of asked) one.reject(told)
      // What was refused is refused again until something changes; a change of the record kicks.
      wakeIn(isRefusal(told) ? LONGEST_RETRY : Math.min(LONGEST_RETRY, FIRST_RETRY * 2 ** (failures - 1)))
    }
    running = false
    parts.changed()
    if ((again && failures === 0) || waiting.length > 0) kick()
  }

  /** The soonest of what was asked for counts. */
  function wakeIn(milliseconds: number): void {
    const at = Date.now() + Math.max(10, milliseconds)
    if (closed || (wakeAt !== null && wakeAt <= at)) return
    if (timer) clearTimeout(timer)
    wakeAt = at
    timer = setTimeout(() => {
      wakeAt = null
      kick()
    }, at - Date.now()).unref()
  }

  async function step(): Promise<void> {
    const now = record()
    if (!now) return
    await holdLease()
    if (now.stored.removed) {
      if (now.stored.listens) await domains.listeners.remove()
      return vanish(cluster, mirror, owner, now)
    }
    const reach = reachable()
    const wasRouted = isRouted(now.stored, Date.now())
    const next = listen(planned(now.stored, reach.bySet, wasRouted))
    const stored = next === now.stored ? next : await write(now, next)
    const values = chartValues(stored, parts.around, hop.ways(target))
    objects = await renderer.render({ name, namespace: cluster.namespace, values })
    rendered = JSON.stringify(values)
    if (!sameSplit(stored.split, stored.desired.split)) warm({ ...stored, split: stored.desired.split })
    const landing = { target, generation: stored.generation, objects }
    if (!isLanded(mirror, landing, cluster.namespace)) {
      await land(cluster, mirror, { ...landing, confirm: (gone) => confirm(stored, gone) })
      again = true
    }
    if (stored.listens && !again) await landListeners(stored)
    // Time goes on while this looks: what has become true meanwhile is for the next look, and nobody else wakes it.
    const at = Date.now()
    const isNowRouted = isRouted(stored, at)
    if (stored !== now.stored || isNowRouted !== wasRouted) again = true
    if (reach.wait !== null) wakeIn(reach.wait)
    const context = { warnings: warnings(), reports: parts.lives.report }
    const lookAt = explainer.look(pods(), setsOf(stored), context)
    if (lookAt !== null) wakeIn(lookAt - Date.now())
    const obeys = isNowRouted || move === null ? 0 : obeyedAt(move, routeLag)
    const dueAt = Number.isFinite(obeys) ? obeys : at + OTHERS_MILLISECONDS
    const lag = Math.max(dueAt, mannedSince(stored, at) + lagAfter(move, routeLag)) - at
    if (lag > 0) wakeIn(lag)
    else if (!again) await collect(stored)
  }

  /** Whoever looks after the Gateway is waited for, and never in the way of a release. */
  async function landListeners(stored: Stored): Promise<void> {
    if (await domains.listeners.land(stored)) {
      const before = record()
      if (before) await write(before, { ...stored, listens: false })
    } else wakeIn(LOOK_MILLISECONDS + 50)
  }

  function planned(stored: Stored, ready: ReadonlyMap<string, number>, isNowRouted: boolean): Stored {
    const facts = { ready: readyBySet(pods()), reachable: ready, isRouted: isNowRouted }
    return reroute(plan(stored, facts), hop.ways(target).calls !== null)
  }

  /** What will be asked for once the next set is ready: nobody should wait for helm then. */
  function warm(next: Stored): void {
    const values = chartValues(next, parts.around, hop.ways(target))
    renderer.render({ name, namespace: cluster.namespace, values }).catch(() => {})
  }

  /** Taken once, and never again after another process has taken it: it is the one that was told last. */
  async function holdLease(): Promise<void> {
    const lease = mirror.leases.get(recordName(target))
    if (isOurs && lease && !isHeldBy(lease, holder)) throw takenOver(target)
    if (isOurs) return
    mirror.leases.put(await takeLease(cluster, target, holder))
    isOurs = true
  }

  async function write(before: TargetRecord, next: Stored): Promise<Stored> {
    const written = await changeRecord(cluster, owner, (there) =>
      // Decided for another state than this: the next look decides anew.
      JSON.stringify(there) === JSON.stringify(before.stored) ? next : null,
    )
    mirror.records.put(written.secret)
    return written.record.stored
  }

  /** Read anew, since what follows cannot be undone: nothing that serves goes while nobody else does. */
  async function confirm(stored: Stored, gone: readonly KubeObject[]): Promise<boolean> {
    const path = objectPath('Secret', cluster.namespace, recordName(target))
    const there = readRecord(await cluster.request<Secret>('GET', path))
    if (JSON.stringify(there?.stored) !== JSON.stringify(stored)) throw takenOver(target)
    const leaving = new Set(gone.map((object) => object.metadata.labels?.[LABEL.set] ?? ''))
    const { items } = await cluster.request<{ items: Pod[] }>(
      'GET',
      collectionPath('Pod', cluster.namespace),
      {
        query: { labelSelector: ofTarget },
      },
    )
    const ready = readyBySet(items)
    const serving = [...weightedSets(stored.split)]
    const isServed = serving.length === 0 || serving.some((id) => (ready.get(id) ?? 0) > 0)
    return isServed || ![...leaving].some((id) => (ready.get(id) ?? 0) > 0)
  }

  function warnings(): Map<string, string> {
    const newest = new Map<string, { at: string; message: string }>()
    for (const event of mirror.events.all()) {
      const { uid } = event.involvedObject
      const at = event.lastTimestamp ?? event.eventTime ?? ''
      if (event.reason === 'Unhealthy' && uid && (newest.get(uid)?.at ?? '') <= at) {
        newest.set(uid, { at, message: event.message ?? '' })
      }
    }
    return new Map([...newest].map(([uid, { message }]) => [uid, message]))
  }

  /** What was rendered for this is there, and whoever routes has said so and has had the time to obey. */
  function isRouted(stored: Stored, at: number): boolean {
    if (!isInForce(stored)) return false
    const route = mirror.routes.get(name)
    const isAsked = objects.some((object) => object.kind === 'HTTPRoute')
    const { uid, generation } = (isAsked && route?.metadata) || {}
    const key = JSON.stringify([stored.split, uid, generation])
    // What routers have not said yet makes no Gateway late.
    if (asked.key !== key || !hop.isTold(stored)) asked = { key, askedAt: at }
    if ((isAsked && !isAccepted(route)) || !hop.isTold(stored)) return false
    // What was so before this engine looked has been so for long enough.
    const isOld = move === null && sameSplit(stored.split, stored.served)
    const routes = isAsked && routeLag > 0 ? mirror.routes.all() : []
    if (isOld) move = beginMove({ key, askedAt: 0 }, [], 0)
    else if (move?.key !== key) move = beginMove(asked, routes, at)
    else move = followMove(move, routes, at)
    return at >= obeyedAt(move, routeLag)
  }

  function reachable(): Reach {
    const { endpoints } = mirror
    const slices = endpoints.missing() === null ? mine(endpoints.all()) : null
    return reached.look(pods(), slices, Date.now())
  }

  function mannedSince(stored: Stored, at: number): number {
    const ready = readyBySet(pods())
    const key = [...weightedSets(stored.split)].filter((id) => (ready.get(id) ?? 0) > 0).join(' ')
    // What was so before this engine looked has been so for long enough.
    if (manned === null) manned = { key, since: 0 }
    if (manned.key !== key) manned = { key, since: at }
    return manned.since
  }

  /** Whoever routes had the time to hear of everybody who is ready. */
  function isHeardOf(stored: Stored, at: number): boolean {
    if (at - mannedSince(stored, at) < lagAfter(move, routeLag)) return false
    const { bySet } = reachable()
    return routeLag === 0 || [...readyBySet(pods())].every(([id, count]) => (bySet.get(id) ?? 0) >= count)
  }

  function isInForce(stored: Stored): boolean {
    if (rendered !== JSON.stringify(chartValues(stored, parts.around, hop.ways(target)))) return false
    return isLanded(mirror, { target, generation: stored.generation, objects }, cluster.namespace)
  }

  async function collect(stored: Stored): Promise<void> {
    if (Date.now() - collectedAt < COLLECT_MILLISECONDS) return
    collectedAt = Date.now()
    const used = [...setsOf(stored).map((set) => set.config)]
    await collectConfigs(cluster, target, holder.platform, new Set(used))
    await collectJobs(cluster, mine(mirror.jobs.all()), Date.now())
  }

  function observe(): Observation {
    const at = Date.now()
    const stored = record()?.stored ?? emptyStored(target)
    const route = mirror.routes.get(name)
    const routing = target.space === undefined ? routeProblem(route) : hop.problem()
    const problems = [problem, routing].filter((one) => one !== null)
    return observationOf({
      stored,
      pods: pods(),
      jobs: mine(mirror.jobs.all()),
      deployments: mine(mirror.deployments.all()),
      context: {
        explanations: explainer.explanations,
        usage: parts.usage(),
        warnings: warnings(),
        reports: parts.lives.report,
      },
      isLanded: isInForce(stored),
      isRouted: isRouted(stored, at),
      isHeardOf: isHeardOf(stored, at),
      addresses: parts.addresses(target),
      problems,
      place: parts.place,
      demand: hop.demand(target),
      passes: hop.passes(target),
      at: mirror.trueAt(),
    })
  }

  return {
    kick,
    observe,
    domains: () => domains.see(record()?.stored ?? emptyStored(target), mirror.routes.get(name)),
    pass() {
      if (closed) return Promise.reject(engineClosed())
      const one = Promise.withResolvers<void>()
      waiting.push(one)
      kick()
      return one.promise
    },
    expect: (next) => warm(planned(next, new Map(), false)),
    claim() {
      isOurs = false
    },
    async objects() {
      const stored = record()?.stored
      if (!stored || stored.removed || stored.generation === 0) return null
      const values = chartValues(stored, parts.around, hop.ways(target))
      const input = { name, namespace: cluster.namespace, values }
      return { stored, objects: await renderer.render(input) }
    },
    close() {
      closed = true
      if (timer) clearTimeout(timer)
      for (const one of waiting.splice(0)) one.reject(engineClosed())
    },
  }
}

function hintOf(error: Error): { hint?: string } {
  return error instanceof TowError && error.hint ? { hint: error.hint } : {}
}
