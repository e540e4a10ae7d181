/**
 * What `tow doctor` says of apps that were asked in a space and did not pass that on: which app, which call, and how to
 * mend it. Told from what routers saw within the last hour; where nothing was asked, nothing is said.
 */
import type { CheckResult } from '../../../api/environments.ts'
import type { CountedCalls, Passing } from '../../../api/spaces.ts'
import type { Observation, PassedTo, Passes } from '../../../engines/engine.ts'
import type { Queries } from '../../kernel/database.ts'
import type { SpacesOptions } from './index.ts'
import { listApps, listSpaces, type SpaceAppRow, type SpaceRow } from './store.ts'

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

/** What was counted since then; a router that began anew has counted from nothing. Pure. */
export function countedSince(asked: readonly Asked[], before: readonly CountedCalls[]): Asked[] {
  return asked.map((one) => {
    const then = before.find(({ app, space }) => app === one.app && space === one.space)
    if (!then || then.asked > one.passes.asked) return one
    const to = one.passes.to.map((call) => {
      const earlier = then.to.find(({ app }) => app === call.app)
      if (!earlier) return call
      const { kept, lost, untraced } = call
      return {
        ...call,
        kept: kept - earlier.kept,
        lost: lost - earlier.lost,
        untraced: untraced - earlier.untraced,
      }
    })
    return { ...one, passes: { ...one.passes, asked: one.passes.asked - then.asked, to } }
  })
}

/** Each call that was seen, as far as it proves anything. Pure. */
export function passingsOf(asked: readonly Asked[], now: number): Passing[] {
  return asked.flatMap((one) =>
    one.passes.to.flatMap((to): Passing[] => {
      const call = { from: one.app, space: one.space, to: to.app }
      const lost = sentenceOf(one, to, now)
      if (lost !== null) return [{ ...call, ok: false, message: lost }]
      if (to.kept === 0) return []
      const message = `${nameOf(one)} passes the space on to ${to.app}: ${to.kept} of ${to.kept} calls carried it`
      return [{ ...call, ok: true, message }]
    }),
  )
}

const nameOf = ({ app, space, environment }: Asked) =>
  `${app} in ${space === null ? environment : `${space} over ${environment}`}`

function sentenceOf(one: Asked, to: PassedTo, now: number): string | null {
  const { kept, lost, untraced, at } = to
  if (at === null || now - Date.parse(at) > RECENT_MS) return null
  const caller = one.passes.seesAll ? nameOf(one) : `${nameOf(one)}, or an app between it and ${to.app},`
  const end = `calls to ${to.app} then go on in ${one.environment}`
  if (lost > 0)
    return `${caller} loses the space when it calls ${to.app}: ${lost} of ${lost + kept} calls came without it; ${end}`
  // Where there are several routers, each sees its share.
  const share = one.passes.seesAll ? 2 : 4
  const isProof = kept === 0 && untraced >= LEAST_UNTRACED && untraced * share >= one.passes.asked
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
  const environments = new Set((await listSpaces(parts.db)).map((space) => space.environment))
  const asked = await Promise.all([...environments].map((environment) => seenOver(parts, environment)))
  return judge(asked.flat(), parts.now())
}

/** Of one space: its own copies, and what of the environment is asked in it. */
export async function callsIn(
  parts: PassingDependencies,
  space: Pick<SpaceRow, 'name' | 'environment'>,
  since: readonly CountedCalls[],
): Promise<{ counted: CountedCalls[]; passings: Passing[]; mend: string }> {
  const all = await seenOver(parts, space.environment)
  const asked = all.filter((one) => one.space === null || one.space === space.name)
  const counted = asked.map(({ app, space: copy, passes }) => ({
    ...{ app, space: copy, asked: passes.asked },
    to: passes.to.map(({ at: _at, ...call }) => call),
  }))
  return { counted, passings: passingsOf(countedSince(asked, since), parts.now()), mend: MEND }
}

async function seenOver(parts: PassingDependencies, environment: string): Promise<Asked[]> {
  const { db } = parts
  const apps = await parts.appsIn(db, environment)
  const own = apps.map(async (app): Promise<Asked[]> => {
    const passes = (await parts.observeBelow(app, environment))?.passes
    if (!passes) return []
    const needs = (await parts.below(db, app, environment))?.run.needs ?? []
    return [{ app, environment, space: null, needs, passes }]
  })
  const copies = (await listApps(db, { environment })).map(async (row): Promise<Asked[]> => {
    const passes = (await parts.observe(row))?.passes
    return passes ? [{ ...row, needs: row.run.needs, passes }] : []
  })
  return (await Promise.all([...own, ...copies])).flat()
}
