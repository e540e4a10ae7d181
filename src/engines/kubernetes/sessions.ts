/**
 * The engine's way into its cluster, opened when it is first needed: the environment's own namespace, and beside it one for
 * each full space. One hop, in the first, leads to the copies in all of them.
 */
import type { Target } from '../engine.ts'
import { type Apart, createApart } from './apart/apart.ts'
import { connectCluster } from './cluster/connect.ts'
import { createHop } from './hop/hop.ts'
import { seenSet } from './hop/seen.ts'
import type { ImageSource } from './images.ts'
import { createSession, type Session, type SessionOptions } from './session.ts'

export interface Sessions {
  /** The environment's own namespace. */
  home: Session
  /** Where the target is, or would be. */
  of(target: Target): Session
  all(): Session[]
  apart: Apart
  close(): void
}

export interface SessionsOptions extends SessionOptions {
  images: Pick<ImageSource, 'program'>
}

export async function openSessions(options: SessionsOptions): Promise<Sessions> {
  const { settings, holder, around } = options
  const cluster = await connectCluster(settings)
  const ending = new AbortController()
  const ready = Promise.withResolvers<void>()
  /** By the name of the space. */
  const beside = new Map<string, Session>()
  const of = ({ space }: Target) => (space !== undefined && beside.get(space)) || home
  const all = () => [home, ...beside.values()]

  const home: Session = createSession({
    ...options,
    ...{ cluster, ready: ready.promise },
    hop: ({ mirror }) =>
      createHop({
        ...{ cluster, mirror, around, holder, images: options.images, ready: ready.promise },
        routeLag: settings.routeLagMilliseconds,
        stored: () => all().flatMap((one) => one.stored()),
        seen(target, set) {
          const { mirror: there, lives, loop } = of(target)
          return seenSet(there, lives, loop(target), target, set)
        },
        changed() {
          for (const one of all()) one.look('all')
        },
        heard() {
          for (const one of all()) one.look('spaces')
        },
      }),
  })

  function open(namespace: string): Session {
    const inside = cluster.inside(namespace)
    const place = `the namespace ${namespace}`
    const synced = Promise.withResolvers<void>()
    const made = createSession({
      ...options,
      ...{ cluster: inside, ready: synced.promise, place, hop: () => home.hop },
      around: { ...around, isApart: true },
    })
    void Promise.all([made.mirror.synced, ready.promise]).then(() => synced.resolve())
    return made
  }

  const apart = createApart({
    ...{ cluster, platform: holder.platform, values: around.values, beside, open, signal: ending.signal },
    changed() {
      home.hop.kick()
      home.look('all')
    },
  })
  await Promise.all([home.mirror.synced, apart.begin()])
  ready.resolve()
  home.hop.kick()
  for (const one of all()) one.look('all')

  return {
    ...{ home, of, all, apart },
    close() {
      ending.abort()
      home.hop.close()
      for (const one of all()) one.close()
      cluster.close()
    },
  }
}
