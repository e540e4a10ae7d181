/** What all routers of a hop saw of one caller, put together. Pure. */
import type { HopReport } from '../../../router/hop/protocol.ts'
import type { Passes } from '../../engine.ts'

type CallsFrom = HopReport['calls'][string][string]

/** Apps that nobody overrides are called past the routers, so one in between may be unseen. */
export function passesOf(seen: readonly CallsFrom[]): Passes | undefined {
  if (seen.length === 0) return undefined
  const services = new Set(seen.flatMap(({ to }) => Object.keys(to)))
  const to = [...services].map((service) => {
    const calls = seen.flatMap((one) => one.to[service] ?? [])
    const sum = (of: 'kept' | 'lost' | 'untraced') => calls.reduce((all, one) => all + one[of], 0)
    const last = Math.max(...calls.map(({ at }) => at ?? 0))
    return {
      app: service.slice(service.indexOf('/') + 1),
      ...{ kept: sum('kept'), lost: sum('lost'), untraced: sum('untraced') },
      at: last === 0 ? null : new Date(last).toISOString(),
    }
  })
  return { asked: seen.reduce((all, { asked }) => all + asked, 0), seesAll: false, to }
}
