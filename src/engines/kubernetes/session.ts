/** The engine's connection to its cluster, opened when it is first needed: the mirror, and a loop for each target. */
import type { Observation, Target, WantedDomain } from '../engine.ts'
import { type Cluster, connectCluster } from './cluster/connect.ts'
import type { Pod } from './cluster/objects.ts'
import { createHop, type Hop } from './hop/hop.ts'
import { seenSet } from './hop/seen.ts'
import type { ImageSource } from './images.ts'
import type { Holder } from './lease.ts'
import { createLives, type Lives } from './live/lives.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { createMirror, type Mirror } from './mirror.ts'
import { LABEL, nameOf, WEB_PORT } from './names.ts'
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
  lives: Lives
  hop: Hop
  targets(): Target[]
  podsOf(target: Target): Pod[]
  /** Settles at the next change of the target, when the signal is aborted, or after so many milliseconds. */
  changed(target: Target, signal: AbortSignal, within: number): Promise<void>
  close(): void
}

export interface SessionOptions {
  settings: KubernetesSettings
  holder: Holder
  renderer: Renderer
  around: Surroundings
  images: Pick<ImageSource, 'program'>
  addresses: (target: Target) => Observation['addresses']
  urlOf: (domain: WantedDomain) => string
}

/** The chart's own default. */

export async function openSession(options: SessionOptions): Promise<Session> {
  const { settings, holder, renderer, around } = options
  const cluster = await connectCluster(settings)
  const ending = new AbortController()
  const loops = new Map<string, TargetLoop>()
  const listeners = new Map<string, Set<() => void>>()

  function notify(name: string): void {
    for (const listener of [...(listeners.get(name) ?? [])]) listener()
  }

  function changed(name: string): void {
    lives.look(mirror.pods.all())
    hop.kick()
    const known = loops.get(name)
    if (known) known.kick()
    else {
      const target = targets().find((one) => nameOf(one) === name)
      if (target) loop(target).kick()
    }
    notify(name)
  }

  function targets(): Target[] {
    return mirror.records.all().flatMap((secret) => readRecord(secret)?.stored.target ?? [])
  }

  function podsOf(target: Target): Pod[] {
    const name = nameOf(target)
    return mirror.pods.all().filter(({ metadata }) => metadata.labels?.[LABEL.app] === name)
  }

  function loop(target: Target): TargetLoop {
    const known = loops.get(nameOf(target))
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
      urlOf: options.urlOf,
      lives,
      hop,
      changed: () => notify(nameOf(target)),
    })
    loops.set(nameOf(target), made)
    return made
  }

  const mirror = createMirror(cluster, holder.platform, changed, ending.signal)
  const metrics = createMetrics(cluster, holder.platform, mirror.pods.get, notify, ending.signal)
  const port = typeof around.values.port === 'number' ? around.values.port : WEB_PORT
  const explainer = createExplainer(cluster, port, Date.now, (pod) =>
    changed(pod.metadata.labels?.[LABEL.app] ?? ''),
  )
  const lives = createLives(cluster, (pod) =>
    changed(mirror.pods.get(pod)?.metadata.labels?.[LABEL.app] ?? ''),
  )
  const hop = createHop({
    cluster,
    mirror,
    images: options.images,
    around,
    holder,
    routeLag: settings.routeLagMilliseconds,
    stored: () => mirror.records.all().flatMap((secret) => readRecord(secret)?.stored ?? []),
    seen: (target, set) => seenSet(mirror, lives, loop(target), target, set),
    changed() {
      for (const one of loops.values()) one.kick()
      for (const name of listeners.keys()) notify(name)
    },
    heard() {
      for (const target of targets()) if (target.space !== undefined) notify(nameOf(target))
    },
  })
  await mirror.synced
  lives.look(mirror.pods.all())
  hop.kick()
  for (const target of targets()) loop(target).kick()

  return {
    cluster,
    mirror,
    metrics,
    loop,
    lives,
    hop,
    targets,
    podsOf,
    changed(target, signal, within) {
      return new Promise((resolve) => {
        const name = nameOf(target)
        const mine = listeners.get(name) ?? new Set()
        listeners.set(name, mine)
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
      hop.close()
      lives.close()
      for (const one of loops.values()) one.close()
      cluster.close()
    },
  }
}
