/**
 * What `tow doctor` says of apps that were asked in a space and did not pass that on: which app, which call, and how to
 * mend it. Told from what routers saw within the last hour; where nothing was asked, nothing is said.
 */
import type { CheckResult } from '../../../api/environments.ts'
import type { Observation, PassedTo, Passes } from '../../../engines/engine.ts'
import type { Queries } from '../../kernel/database.ts'
import type { SpacesOptions } from './index.ts'
import { listApps, listSpaces, type SpaceAppRow } from './store.ts'

type Check = CheckResult

export interface Asked {
  app: string
  environment: string
  space: string | null
  needs: readonly string[]
  passes: Passes
}

const RECENT_MS = 3_600_000
/** Calls without any trace prove something when they come as often as the app is asked. */
const LEAST_UNTRACED = 3

export const MEND =
  'send on the header `baggage` of the request that is being answered. With OpenTelemetry: OTEL_PROPAGATORS=tracecontext,baggage, and in Node @opentelemetry/auto-instrumentations-node, in Python opentelemetry-distro, in Ruby opentelemetry-instrumentation-all, in Go otelhttp with propagation.Baggage{}; without it: copy the header'

/** Pure. */
export function judge(asked: readonly Asked[], now: number): Check[] {
  const found = asked.flatMap((one) => one.passes.to.flatMap((to) => sentenceOf(one, to, now) ?? []))
  if (found.length > 0)
    return found.map((message) => ({ name: 'baggage of spaces', ok: false, message, mend: MEND }))
  const hasKept = asked.some(({ passes }) => passes.to.some(({ kept }) => kept > 0))
  if (!hasKept) return []
  const message = 'apps that were asked in a space passed that on in every call that was seen'
  return [{ name: 'baggage of spaces', ok: true, message }]
}

function sentenceOf(one: Asked, to: PassedTo, now: number): string | null {
  const { kept, lost, untraced, at } = to
  if (at === null || now - Date.parse(at) > RECENT_MS) return null
  const who = `${one.app} in ${one.space === null ? one.environment : `${one.space} over ${one.environment}`}`
  const caller = one.passes.seesAll ? who : `${who}, or an app between it and ${to.app},`
  const end = `calls to ${to.app} then go on in ${one.environment}`
  if (lost > 0)
    return `${caller} loses the space when it calls ${to.app}: ${lost} of ${lost + kept} calls came without it; ${end}`
  const isProof = kept === 0 && untraced >= LEAST_UNTRACED && untraced * 2 >= one.passes.asked
  if (!isProof || !one.needs.includes(to.app)) return null
  return `${caller} loses the space when it calls ${to.app}: it was asked ${one.passes.asked} times in a space, ${untraced} calls came meanwhile without any trace, and none with the space; ${end}`
}

export interface PassingDependencies extends Pick<SpacesOptions, 'engines' | 'appsIn' | 'below'> {
  db: Queries
  now(): number
  observe(row: SpaceAppRow): Promise<Observation | null>
  observeBelow(app: string, environment: string): Promise<Observation | null>
}

/** Looks at every environment over which a space lies. */
export async function checkPassing(parts: PassingDependencies): Promise<Check[]> {
  const { db } = parts
  const asked: Asked[] = []
  for (const environment of new Set((await listSpaces(db)).map((space) => space.environment))) {
    for (const app of await parts.appsIn(db, environment)) {
      const passes = (await parts.observeBelow(app, environment))?.passes
      if (!passes) continue
      const needs = (await parts.below(db, app, environment))?.run.needs ?? []
      asked.push({ app, environment, space: null, needs, passes })
    }
  }
  for (const row of await listApps(db)) {
    const passes = (await parts.observe(row))?.passes
    if (passes) asked.push({ ...row, needs: row.run.needs, passes })
  }
  return judge(asked, parts.now())
}
