/** One schedule again, and the shortest one that breaks the same. */
import { createMemoryStage } from './memory.ts'
import { type Broken, type Played, play } from './play.ts'
import type { Schedule } from './schedule.ts'

const PLACE = { app: 'web-app', environment: 'stage' }

/** What the code itself throws is a violation too. */
export async function playInMemory(
  schedule: Schedule,
  broken: Broken = {},
): Promise<Pick<Played, 'violations'>> {
  try {
    return await play(schedule, (now) => createMemoryStage(PLACE, now), broken)
  } catch (error) {
    return { violations: [(error as Error).stack ?? String(error)] }
  }
}

/** Leaves out one action after the other for as long as it breaks in the same way. */
export async function shrink(schedule: Schedule, broken: Broken = {}): Promise<Schedule> {
  const kindOf = (violations: readonly string[]) => violations[0]?.replace(/\d+/g, 'N').slice(0, 40)
  const kind = kindOf((await playInMemory(schedule, broken)).violations)
  let shortest = schedule
  for (let place = shortest.actions.length - 1; place >= 0; place -= 1) {
    const shorter = { ...shortest, actions: shortest.actions.filter((_, other) => other !== place) }
    if (kindOf((await playInMemory(shorter, broken)).violations) === kind) shortest = shorter
  }
  return shortest
}

/** For whoever has to mend it. */
export async function explain(schedule: Schedule): Promise<string> {
  const { violations } = await playInMemory(schedule)
  const { web, actions } = await shrink(schedule)
  return [
    `SEED=${schedule.seed} npm test -- simulation`,
    ...violations.slice(0, 3),
    `the shortest that breaks the same, with ${web} web processes:`,
    ...actions.map((action) => `  ${JSON.stringify(action)}`),
  ].join('\n')
}
