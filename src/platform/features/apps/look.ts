/** One question to each engine, at the same time, with a short patience: a list of apps waits for nobody. */
import type { Engine, Observation } from '../../../engines/engine.ts'
import type { Seen } from './rules.ts'

const PATIENCE_MS = 1_500

/** Answers with what was seen of an app in an environment. `single`: one app, so engines are asked for it alone. */
export async function lookAtEngines(
  engines: (environment: string) => Promise<Engine>,
  places: readonly { app: string; environment: string }[],
  single: boolean,
): Promise<(app: string, environment: string) => Seen> {
  const seen = new Map<string, Seen>()
  const byEngine = new Map<Engine, { app: string; environment: string }[]>()
  for (const [environment, mine] of Map.groupBy(places, (place) => place.environment)) {
    try {
      const engine = await engines(environment)
      byEngine.set(engine, [...(byEngine.get(engine) ?? []), ...mine])
    } catch (error) {
      for (const place of mine) seen.set(key(place), { away: (error as Error).message })
    }
  }
  await Promise.all(
    [...byEngine].map(async ([engine, mine]) => {
      try {
        const look = single ? Promise.all(mine.map((place) => engine.observe(place))) : engine.observeAll()
        // Copies in spaces over the environment are others' to show.
        const own = (await patiently(look)).filter(({ target }) => target.space === undefined)
        const found = new Map(own.map((one) => [key(one.target), one]))
        for (const place of mine) seen.set(key(place), { observation: known(found.get(key(place))) })
      } catch (error) {
        for (const place of mine) seen.set(key(place), { away: (error as Error).message })
      }
    }),
  )
  return (app, environment) => seen.get(key({ app, environment })) ?? { observation: null }
}

/** An engine that never heard of a target may still answer for it. */
function known(observation: Observation | undefined): Observation | null {
  return observation && observation.generation > 0 ? observation : null
}

function key({ app, environment }: { app: string; environment: string }): string {
  return `${app}/${environment}`
}

async function patiently<Result>(work: Promise<Result>): Promise<Result> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`no answer within ${PATIENCE_MS / 1000} s`)), PATIENCE_MS)
  work.catch(() => {})
  try {
    return await Promise.race([work, promise])
  } finally {
    clearTimeout(timer)
  }
}
