/** The engine's connection to its cluster, opened when it is first needed: the mirror, and a loop for each target. */
import type { Observation, Target } from '../engine.ts'
import { type Cluster, connectCluster } from './cluster/connect.ts'
import type { Pod } from './cluster/objects.ts'
import type { Holder } from './lease.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { createMirror, type Mirror } from './mirror.ts'
import { LABEL, WEB_PORT } from './names.ts'
import { createExplainer } from './observe/explain.ts'
import { readRecord } from './record.ts'
import type { Renderer } from './render/helm.ts'
import type { Surroundings } from './render/values.ts'
import type { KubernetesSettings } from './settings.ts'
import { createTargetLoop, type TargetLoop } from './target.ts'

export interface Session {
  cluster: Cluster
  mirror: Mirror
  metrics: Metrics
  loop(target: Target): TargetLoop
  targets(): Target[]
  podsOf(app: string): Pod[]
  /** Settles at the next change of the app, when the signal is aborted, or after so many milliseconds. */
  changed(app: string, signal: AbortSignal, within: number): Promise<void>
  close(): void
}

export interface SessionOptions {
  settings: KubernetesSettings
  holder: Holder
  renderer: Renderer
  around: Surroundings
  addresses: (target: Target) => Observation['addresses']
}

/** The chart's own default. */

export async function openSession(options: SessionOptions): Promise<Session> {
  const { settings, holder, renderer, around } = options
  const cluster = await connectCluster(settings)
  const ending = new AbortController()
  const loops = new Map<string, TargetLoop>()
  const listeners = new Map<string, Set<() => void>>()

  function notify(app: string): void {
    for (const listener of [...(listeners.get(app) ?? [])]) listener()
  }

  function changed(app: string): void {
    const known = loops.get(app)
    if (known) known.kick()
    else {
      const target = targets().find((one) => one.app === app)
      if (target) loop(target).kick()
    }
    notify(app)
  }

  function targets(): Target[] {
    return mirror.records.all().flatMap((secret) => readRecord(secret)?.stored.target ?? [])
  }

  function podsOf(app: string): Pod[] {
    return mirror.pods.all().filter(({ metadata }) => metadata.labels?.[LABEL.app] === app)
  }

  function loop(target: Target): TargetLoop {
    const known = loops.get(target.app)
    if (known) return known
    const made = createTargetLoop(target, {
      cluster,
      mirror,
      renderer,
      explainer,
      around,
      holder,
      routeLag: settings.routeLagMilliseconds,
      usage: metrics.usage,
      addresses: options.addresses,
      changed: () => notify(target.app),
    })
    loops.set(target.app, made)
    return made
  }

  const mirror = createMirror(cluster, holder.platform, changed, ending.signal)
  const metrics = createMetrics(cluster, holder.platform, mirror.pods.get, notify, ending.signal)
  const port = typeof around.values.port === 'number' ? around.values.port : WEB_PORT
  const explainer = createExplainer(cluster, port, Date.now, (pod) =>
    changed(pod.metadata.labels?.[LABEL.app] ?? ''),
  )
  await mirror.synced
  for (const target of targets()) loop(target).kick()

  return {
    cluster,
    mirror,
    metrics,
    loop,
    targets,
    podsOf,
    changed(app, signal, within) {
      return new Promise((resolve) => {
        const mine = listeners.get(app) ?? new Set()
        listeners.set(app, mine)
        const done = () => {
          mine.delete(done)
          clearTimeout(timer)
          signal.removeEventListener('abort', done)
          resolve()
        }
        const timer = setTimeout(done, within)
        mine.add(done)
        signal.addEventListener('abort', done, { once: true })
        if (signal.aborted) done()
      })
    },
    close() {
      ending.abort()
      for (const one of loops.values()) one.close()
      cluster.close()
    },
  }
}
