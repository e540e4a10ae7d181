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
import { openSession, type Session } from './session.ts'
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
    domain: settings.domain,
    gateways: settings.gateways,
    values: settings.values,
  }
  let opening: Promise<Session> | null = null
  const closing = new AbortController()

  function session(): Promise<Session> {
    if (closing.signal.aborted) return Promise.reject(engineClosed())
    opening ??= openSession({ settings, holder, renderer, around, images, addresses, urlOf }).catch(
      (error) => {
        opening = null
        throw error
      },
    )
    return opening
  }

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

  /** The record, made where there is none yet: it holds the key that names of config Secrets are made with. */
  async function recordOf({ cluster, mirror }: Session, target: Target): Promise<TargetRecord> {
    const told = mirror.records.get(recordName(target))
    const known = told && readRecord(told)
    // One that is on its way out may be gone by now, and the key with it.
    const isGood = known && !known.stored.removed && known.stored.target.environment === target.environment
    if (isGood) return known
    const { secret, record } = await changeRecord(cluster, { platform, target }, (before) => before)
    mirror.records.put(secret)
    return record
  }

  const store: RunParts['store'] = ({ cluster }, target, record, set, processes) =>
    storeSet({ cluster, platform, images }, target, record, set, processes)

  async function apply(target: Target, generation: number, desired: Desired): Promise<void> {
    refuseSpaces(desired)
    const opened = await session()
    const record = await recordOf(opened, target)
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
  async function remove(target: Target, generation: number): Promise<void> {
    const { cluster, mirror, loop, hop, changed } = await session()
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
      const { cluster, metrics } = await session()
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
      return capacityOf((await session()).cluster)
    },
    refuses: (artifact) => images.refuses(artifact),
    adopt: (image) => images.adopt(image),
    refusesDomain: async (_target, domain) => domainProblem(domain, settings),
    async sendAhead(target, artifact) {
      await images.reference(artifact, target)
    },
    apply,
    remove,
    async observe(target) {
      const opened = await session()
      fresh(opened)
      return opened.loop(target).observe()
    },
    async observeAll() {
      const opened = await session()
      fresh(opened)
      return opened.targets().map((target) => opened.loop(target).observe())
    },
    async *watch(target, signal) {
      const opened = await session()
      while (!signal.aborted) {
        const next = opened.changed(target, signal, WATCH_MILLISECONDS)
        yield opened.loop(target).observe()
        await next
      }
    },
    addresses: async (target) => addresses(target),
    async domains(target) {
      const opened = await session()
      fresh(opened)
      return opened.loop(target).domains()
    },
    async *logs(target, query, signal) {
      const opened = await session()
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
    ...createRuns({ session, renderer, around, recordOf, store }),
    async workspace(target, set) {
      const opened = await session()
      const kept = opened.mirror.records.get(recordName(target))
      const stored = kept && readRecord(kept)?.stored
      const found = stored && setsOf(stored).find((one) => one.id === set)
      if (!found?.live) throw noSet(target, set)
      return openWorkspace(opened, target, found)
    },
    async forward(target, set, process, port) {
      const { cluster, podsOf } = await session()
      return forward(cluster, podsOf(target), { target, set, process, port })
    },
    async samples(target, since) {
      return (await session()).metrics.samples(nameOf(target), since)
    },
    async drift(target) {
      const opened = await session()
      const now = await opened.loop(target).objects()
      return now ? findDrift(opened.cluster, target, now.stored.generation, now.objects) : []
    },
    async export(target) {
      const opened = await session()
      const loop = opened.loop(target)
      const now = await loop.objects()
      if (!now) throw new TowError('NOT_FOUND', `nothing of ${nameOf(target)} runs in ${target.environment}`)
      return manifestsOf(target, now.stored, settings.namespace, now.objects, await loop.gateways())
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
