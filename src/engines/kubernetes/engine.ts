/**
 * The Kubernetes engine: apps in one namespace of any conformant cluster. THE chart says what an app is there, rendered
 * by helm and applied by the API server; what was asked for is kept in the namespace itself, so that an engine which
 * starts anew, anywhere, goes on. It changes nothing outside its namespace and nothing that it did not make.
 */
import { randomBytes } from 'node:crypto'
import { TowError } from '../../api/errors.ts'
import type { ContentSource, Desired, Engine, Target, WantedDomain } from '../engine.ts'
import { architectureOf } from './architecture.ts'
import { capacityOf } from './capacity.ts'
import { checkCluster } from './checks/check.ts'
import { domainProblem } from './domains/refused.ts'
import { findDrift } from './drift.ts'
import { manifestsOf } from './export.ts'
import type { ImageSource } from './images.ts'
import { openWorkspace } from './live/workspace.ts'
import { readLogs } from './logs/logs.ts'
import { engineClosed, noSet, notAnswering, olderGeneration } from './messages.ts'
import { nameOf, recordName } from './names.ts'
import { changeRecord, fetchRecord, readRecord, refuseOlder, type TargetRecord } from './record.ts'
import { createRenderer } from './render/helm.ts'
import type { Surroundings } from './render/values.ts'
import { createRuns, type RunParts } from './runs.ts'
import type { Session } from './session.ts'
import { openSessions, type Sessions } from './sessions.ts'
import type { KubernetesSettings } from './settings.ts'
import { storeSet } from './store-set.ts'
import { type Stored, type StoredSet, setsOf, storedDesired, takeAway, takeOver } from './stored.ts'
import { forward } from './streams/forward.ts'

export interface KubernetesEngineOptions {
  settings: KubernetesSettings
  /** Id of the platform: what another one made in the same namespace is not touched. */
  platform: string
  content: ContentSource
  images: ImageSource
  /** Folder of THE chart. */
  chart: string
  /** Where rendered manifests are kept. */
  cache: string
  /** The PATH of the person, where helm is looked for. */
  path: string
}

const WATCH_MILLISECONDS = 10_000
/** Older than this, what is known is no answer. */
const STALE_MILLISECONDS = 15_000

export function createKubernetesEngine(options: KubernetesEngineOptions): Engine {
  const { settings, platform, images } = options
  const holder = { platform, instance: randomBytes(4).toString('hex') }
  const renderer = createRenderer(options)
  const around: Surroundings = {
    platform,
    home: settings.namespace,
    isApart: false,
    domain: settings.domain,
    gateways: settings.gateways,
    values: settings.values,
  }
  let opening: Promise<Sessions> | null = null
  const closing = new AbortController()

  function sessions(): Promise<Sessions> {
    if (closing.signal.aborted) return Promise.reject(engineClosed())
    opening ??= openSessions({ settings, holder, renderer, around, images, addresses, urlOf }).catch(
      (error) => {
        opening = null
        throw error
      },
    )
    return opening
  }

  /** Where the target is. */
  const session = async (target: Target): Promise<Session> => (await sessions()).of(target)

  function addresses(target: Target) {
    const port = settings.port === undefined ? '' : `:${settings.port}`
    const { domain, scheme, namespace } = settings
    return {
      public: domain === null ? [] : [`${scheme}://${nameOf(target)}.${domain}${port}`],
      // Calls for a space go where all calls for the app go; the baggage tells them apart.
      internal: `http://${target.app}.${namespace}.svc`,
    }
  }

  function urlOf({ host, certificate }: WantedDomain): string {
    const { scheme, port } = settings
    const shown = port === undefined || (certificate && scheme === 'http') ? '' : `:${port}`
    return `${certificate ? 'https' : scheme}://${host}${shown}`
  }

  /**
   * Where the target is to be, and its record, made where there is none yet: it holds the key that names of config Secrets
   * are made with, and keeps the namespace of a full space from being given back.
   */
  async function enter({ apart, ...target }: Target): Promise<{ opened: Session; record: TargetRecord }> {
    const begin = async (opened: Session) => ({ opened, record: await recordOf(opened, target) })
    const all = await sessions()
    return apart ? all.apart.enter(target, begin) : begin(all.of(target))
  }

  async function recordOf({ cluster, mirror }: Session, target: Target): Promise<TargetRecord> {
    const told = mirror.records.get(recordName(target))
    const known = told && readRecord(told)
    // One that is on its way out may be gone by now, and the key with it; that of a space keeps its namespace.
    const isGood = known && !known.stored.removed && target.space === undefined
    if (isGood && known.stored.target.environment === target.environment) return known
    const { secret, record } = await changeRecord(cluster, { platform, target }, (before) => before)
    mirror.records.put(secret)
    return record
  }

  const store: RunParts['store'] = ({ cluster }, target, record, set, processes) =>
    storeSet({ cluster, platform, images }, target, record, set, processes)

  async function apply(asked: Target, generation: number, desired: Desired): Promise<void> {
    refuseSpaces(desired)
    const { apart: _, ...target } = asked
    const { opened, record } = await enter(asked)
    refuseOlder(target, generation, record.stored)
    const loop = opened.loop(target)
    const named = new Map<string, StoredSet>()
    const sets = await Promise.all(
      desired.sets.map((set) =>
        storeSet({ ...opened, platform, images }, target, record, set, set.processes, (one) => {
          named.set(one.id, one)
          const all = desired.sets.flatMap(({ id }) => named.get(id) ?? [])
          if (all.length < desired.sets.length) return
          loop.expect(takeOver(record.stored, generation, storedDesired(desired, all)))
        }),
      ),
    )
    const change = (before: Stored) => {
      refuseOlder(target, generation, before)
      const isSame = before.generation === generation && !before.removed
      return isSame ? null : loop.planned(takeOver(before, generation, storedDesired(desired, sets)))
    }
    const told = opened.mirror.records.get(recordName(target))
    const written = await changeRecord(opened.cluster, { platform, target }, change, told)
    opened.mirror.records.put(written.secret)
    opened.hop.claim()
    loop.claim()
    loop.kick()
  }

  /** Settles when the last pod is gone and the record with it: whoever closes the engine then leaves nothing behind. */
  async function remove({ apart: _, ...target }: Target, generation: number): Promise<void> {
    const { of, apart } = await sessions()
    if (!(await apart.isGone(target))) await removeFrom(of(target), target, generation)
    await apart.leave(target)
  }

  async function removeFrom(opened: Session, target: Target, generation: number): Promise<void> {
    const { cluster, mirror, loop, hop, changed } = opened
    const found = await fetchRecord(cluster, target)
    if (!found) return
    const { secret } = await changeRecord(cluster, { platform, target }, (before) => {
      refuseOlder(target, generation, before)
      return before.removed ? null : takeAway(before, generation)
    })
    mirror.records.put(secret)
    hop.claim()
    loop(target).claim()
    while (mirror.records.get(recordName(target))) {
      const next = changed(target, closing.signal, WATCH_MILLISECONDS)
      await loop(target).pass()
      const left = mirror.records.get(recordName(target))
      const stored = left && readRecord(left)?.stored
      if (stored && !stored.removed) throw olderGeneration(target, generation, stored.generation)
      if (left) await next
    }
  }

  /** Only what the server was heard to say lately. */
  function fresh({ mirror, cluster }: Session): void {
    const age = Date.now() - mirror.trueAt()
    if (age > STALE_MILLISECONDS) throw notAnswering(cluster.server, age)
  }

  return {
    kind: 'kubernetes',
    async capabilities() {
      const { cluster, metrics } = (await sessions()).home
      const arch = settings.arch ?? (await architectureOf(cluster))
      return {
        weights: true,
        spaces: true,
        crons: true,
        terminal: true,
        metrics: metrics.isThere() === true,
        cpuLimit: 'advisory',
        memoryLimit: 'enforced',
        platform: { os: 'linux', arch },
        runtimes: await images.runtimes(),
      }
    },
    async capacity() {
      return capacityOf((await sessions()).home.cluster)
    },
    refuses: (artifact) => images.refuses(artifact),
    adopt: (image) => images.adopt(image),
    refusesDomain: async (_target, domain) => domainProblem(domain, settings),
    async sendAhead(target, artifact) {
      await images.reference(artifact, target)
    },
    async refusesApart(space) {
      const { apart } = await sessions()
      return apart.require(space).then(
        () => null,
        (error) => {
          if (!(error instanceof TowError) || error.code !== 'REFUSED') throw error
          return { code: 'no-namespace', message: error.message, ...(error.hint && { hint: error.hint }) }
        },
      )
    },
    apply,
    remove,
    async observe(target) {
      const opened = await session(target)
      fresh(opened)
      return opened.loop(target).observe()
    },
    async observeAll() {
      return (await sessions()).all().flatMap((opened) => {
        fresh(opened)
        return opened.targets().map((target) => opened.loop(target).observe())
      })
    },
    async *watch(target, signal) {
      while (!signal.aborted) {
        // A full space may have got its namespace since.
        const opened = await session(target)
        const next = opened.changed(target, signal, WATCH_MILLISECONDS)
        yield opened.loop(target).observe()
        await next
      }
    },
    addresses: async (target) => addresses(target),
    async domains(target) {
      const opened = await session(target)
      fresh(opened)
      return opened.loop(target).domains()
    },
    async *logs(target, query, signal) {
      const opened = await session(target)
      const { cluster, podsOf } = opened
      yield* readLogs(
        {
          cluster,
          target,
          pods: () => podsOf(target),
          changed: (aborted) => opened.changed(target, aborted, WATCH_MILLISECONDS),
        },
        query,
        signal,
      )
    },
    ...createRuns({ session, enter, renderer, around, store }),
    async workspace(target, set) {
      const opened = await session(target)
      const kept = opened.mirror.records.get(recordName(target))
      const stored = kept && readRecord(kept)?.stored
      const found = stored && setsOf(stored).find((one) => one.id === set)
      if (!found?.live) throw noSet(target, set)
      return openWorkspace(opened, target, found)
    },
    async forward(target, set, process, port) {
      const { cluster, podsOf } = await session(target)
      return forward(cluster, podsOf(target), { target, set, process, port })
    },
    async samples(target, since) {
      return (await session(target)).metrics.samples(nameOf(target), since)
    },
    async drift(target) {
      const opened = await session(target)
      const now = await opened.loop(target).objects()
      return now ? findDrift(opened.cluster, target, now.stored.generation, now.objects) : []
    },
    async export(target) {
      const opened = await session(target)
      const loop = opened.loop(target)
      const now = await loop.objects()
      if (!now) throw new TowError('NOT_FOUND', `nothing of ${nameOf(target)} runs in ${target.environment}`)
      const { namespace } = opened.cluster
      return manifestsOf(target, now.stored, namespace, now.objects, await loop.gateways())
    },
    async check() {
      return checkCluster({ settings, renderer, images })
    },
    async close() {
      closing.abort()
      const opened = await opening?.catch(() => null)
      opened?.close()
    },
  }
}

/** What a Gateway cannot be asked to do is refused, with the reason, before anything moves. */
function refuseSpaces({ split }: Desired): void {
  if (
    split.some((rule) => rule.match !== undefined || rule.until !== undefined || rule.hold || rule.sticky)
  ) {
    throw new TowError(
      'REFUSED',
      'the Gateway carries plain weights alone: spaces, sticky splits and rules that end by themselves need the router',
    )
  }
}
