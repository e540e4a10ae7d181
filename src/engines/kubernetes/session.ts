/** What the engine knows of one namespace: the mirror of what is there, and a loop for each target in it. */
import type { Observation, Target, WantedDomain } from '../engine.ts'
import type { Cluster } from './cluster/connect.ts'
import type { Pod } from './cluster/objects.ts'
import type { Hop } from './hop/hop.ts'
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
import type { Stored } from './stored.ts'
import { createTargetLoop, type TargetLoop } from './target.ts'

export interface Session {
  cluster: Cluster
  mirror: Mirror
  metrics: Metrics
  loop(target: Target): TargetLoop
  lives: Lives
  hop: Hop
  targets(): Target[]
  stored(): Stored[]
  podsOf(target: Target): Pod[]
  /** Settles at the next change of the target, when the signal is aborted, or after so many milliseconds. */
  changed(target: Target, signal: AbortSignal, within: number): Promise<void>
  /** Everybody who waits looks again: `all`, or just those who ask for what is in a space. */
  look(whom: 'all' | 'spaces'): void
  close(): void
}

export interface SessionOptions {
  settings: KubernetesSettings
  holder: Holder
  renderer: Renderer
  around: Surroundings
  addresses: (target: Target) => Observation['addresses']
  urlOf: (domain: WantedDomain) => string
}

export interface SessionParts extends SessionOptions {
  cluster: Cluster
  /** What looks after spaces: of the environment's own namespace, for all of them. */
  hop(session: Omit<Session, 'hop' | 'close'>): Hop
  /** Nothing is decided before. */
  ready: Promise<void>
  /** The namespace is a space's own. */
  place?: string
}

export function createSession(parts: SessionParts): Session {
  const { settings, holder, around, cluster } = parts
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

  const stored = () => mirror.records.all().flatMap((secret) => readRecord(secret)?.stored ?? [])
  const targets = () => stored().map(({ target }) => target)

  function loop(target: Target): TargetLoop {
    const known = loops.get(nameOf(target))
    if (known) return known
    const made = createTargetLoop(target, {
      ...parts,
      mirror,
      explainer,
      routeLag: settings.routeLagMilliseconds,
      usage: metrics.usage,
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
  const session = {
    ...{ cluster, mirror, metrics, loop, lives, targets, stored },
    podsOf(target: Target) {
      const name = nameOf(target)
      return mirror.pods.all().filter(({ metadata }) => metadata.labels?.[LABEL.app] === name)
    },
    changed(target: Target, signal: AbortSignal, within: number) {
      return new Promise<void>((resolve) => {
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
    look(whom: 'all' | 'spaces') {
      if (whom === 'spaces') {
        for (const target of targets()) if (target.space !== undefined) notify(nameOf(target))
        return
      }
      lives.look(mirror.pods.all())
      for (const target of targets()) loop(target)
      for (const one of loops.values()) one.kick()
      for (const name of listeners.keys()) notify(name)
    },
  }
  const hop = parts.hop(session)
  return {
    ...session,
    hop,
    close() {
      ending.abort()
      lives.close()
      for (const one of loops.values()) one.close()
      // Whoever waits is told that nothing comes any more.
      for (const name of listeners.keys()) notify(name)
    },
  }
}
