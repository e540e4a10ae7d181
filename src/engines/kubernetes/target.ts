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
import { isLanded, isStamped, land, stamp } from './land.ts'
import { type Holder, isHeldBy, takeLease } from './lease.ts'
import type { Lives } from './live/lives.ts'
import { engineClosed, inWords, takenOver } from './messages.ts'
import type { Mirror } from './mirror.ts'
import { LABEL, nameOf, recordName } from './names.ts'
import { followsPods } from './observe/edge.ts'
import type { Reach } from './observe/endpoints.ts'
import type { Explainer } from './observe/explain.ts'
import { observationOf, readyBySet, routeProblem } from './observe/observation.ts'
import { createRouting } from './observe/routing.ts'
import { type EdgeFacts, moved, plan, probableNext, probableSplit, sameSplit, weightedSets } from './plan.ts'
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
  /** The next wish, with what it lets move at once. */
  planned(next: Stored): Stored
  /** It was told what to run: whoever held the target before lets go. */
  claim(): void
  /** What was rendered last, for whoever wants to read it. */
  objects(): Promise<{ stored: Stored; objects: KubeObject[] } | null>
  observe(): Observation
  domains(): Promise<SeenDomain[]>
  /** What its domains ask of Gateways, which are somebody else's. */
  gateways(): Promise<KubeObject[]>
  close(): void
}

const FIRST_RETRY = 500
const LONGEST_RETRY = 30_000
const COLLECT_MILLISECONDS = 60_000
/** After a change whoever follows these objects has enough to do. */
const STAMP_MILLISECONDS = 1_000
const NOBODY = { told: new Map(), bySet: new Map() }

export function createTargetLoop(target: Target, parts: TargetParts): TargetLoop {
  const { cluster, mirror, renderer, explainer, holder, hop } = parts
  const owner = { platform: holder.platform, target }
  const name = nameOf(target)
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
  const { platform } = holder
  const { gateways } = parts.around
  const domains = createDomains(cluster, target, { platform, gateways, urlOf: parts.urlOf })
  let collectedAt = 0
  let changedAt = 0
  let isOurs = false
  /** Something was asked for in the life of this process. */
  let isAsked = false
  const waiting: PromiseWithResolvers<void>[] = []

  const mine = <Item extends KubeObject>(items: Item[]) =>
    items.filter(({ metadata }) => metadata.labels?.[LABEL.app] === name)
  const pods = () => mine(mirror.pods.all())
  const routing = createRouting({
    ...{ name, mirror, pods },
    // The hop says itself what it does, and waits for whom the cluster does not lead to yet.
    routeLag: target.space === undefined ? parts.routeLag : 0,
    isTold: hop.isTold,
  })
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
    const reach = routing.reach()
    const wasRouted = isRouted(now.stored, Date.now())
    const next = listen(planned(now.stored, reach, wasRouted))
    const stored = next === now.stored ? next : await write(now, next)
    const values = chartValues(stored, parts.around, hop.ways(target))
    objects = await renderer.render({ name, namespace: cluster.namespace, values })
    rendered = JSON.stringify(values)
    warmSplit(stored)
    const landing = { target, generation: stored.generation, objects }
    if (!isLanded(mirror, landing, cluster.namespace)) {
      await land(cluster, mirror, { ...landing, confirm: (gone) => confirm(stored, gone) })
      changedAt = Date.now()
      again = true
    } else if (!isStamped(mirror, landing, cluster.namespace)) {
      const dueIn = changedAt + STAMP_MILLISECONDS - Date.now()
      if (dueIn > 0) wakeIn(dueIn)
      else await stamp(cluster, mirror, landing)
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
    const lag = routing.dueAt(stored, isNowRouted, at) - at
    if (lag > 0) wakeIn(lag)
    else if (!again) {
      getAhead(stored)
      await collect(stored)
    }
  }

  /** Once after each wish, when nothing is under way: the next one should not wait for helm. */
  function getAhead(stored: Stored): void {
    if (!isAsked) return
    isAsked = false
    const next = probableNext(stored)
    if (!next) return
    warm(next)
    warmSplit(next)
  }

  /** What will be asked for once the next set is ready. */
  function warmSplit(stored: Stored): void {
    const split = probableSplit(stored)
    if (!sameSplit(stored.split, split)) warm(moved(stored, split, edgeFacts()))
  }

  /** Whoever looks after the Gateway is waited for, and never in the way of a release. */
  async function landListeners(stored: Stored): Promise<void> {
    if (await domains.listeners.land(stored)) {
      const before = record()
      if (before) await write(before, { ...stored, listens: false })
    } else wakeIn(LOOK_MILLISECONDS + 50)
  }

  function planned(
    stored: Stored,
    { told, bySet }: Pick<Reach, 'told' | 'bySet'>,
    isRouted: boolean,
  ): Stored {
    const { calls, edge, spaces } = hop.ways(target)
    const isShared = calls !== null || edge !== null || spaces
    const facts = { ready: readyBySet(pods()), told, reachable: bySet, isRouted, isShared, ...edgeFacts() }
    return reroute(plan(stored, facts), calls !== null)
  }

  /** Whoever comes from outside into a space comes through the hop. */
  function edgeFacts(): EdgeFacts {
    const follows = target.space === undefined ? followsPods(mirror.routes.get(name)) : null
    return { follows, isEdgeKnown: routing.isEdgeKnown(Date.now()) }
  }

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
    // Decided for another state than this: the next look decides anew.
    const change = (there: Stored) => (JSON.stringify(there) === JSON.stringify(before.stored) ? next : null)
    const told = mirror.records.get(recordName(target))
    const written = await changeRecord(cluster, owner, change, told)
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
    const route = objects.some((object) => object.kind === 'HTTPRoute')
    return routing.isRouted(stored, { route }, at)
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
    const carrying = target.space === undefined ? routeProblem(route) : hop.problem()
    const problems = [problem, carrying].filter((one) => one !== null)
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
      isHeardOf: routing.isHeardOf(stored, at),
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
    gateways: () => domains.listeners.manifests(record()?.stored ?? emptyStored(target)),
    pass() {
      if (closed) return Promise.reject(engineClosed())
      const one = Promise.withResolvers<void>()
      waiting.push(one)
      kick()
      return one.promise
    },
    expect: (next) => warm(planned(next, NOBODY, false)),
    planned: (next) => planned(next, routing.reach(), false),
    claim() {
      isOurs = false
      isAsked = true
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
