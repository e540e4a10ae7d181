/**
 * A plan made whole: artifacts, config with its secrets, and what needs inject are put in just before the engine is
 * told, and kept nowhere.
 */
import type { Desired, DesiredSet } from '../../../engines/engine.ts'
import type { ReleaseWithState } from '../releases/index.ts'
import { askedByHand } from './plan.ts'
import { type Plan, setId } from './state.ts'

export interface DesiredDependencies {
  release(app: string, environment: string, number: number): Promise<ReleaseWithState>
  /** Plain values and secrets in clear, for exactly these versions. */
  config(release: ReleaseWithState): Promise<Record<string, string>>
  /** Makes what the app needs where it is missing, and answers with what is injected. Idempotent. */
  needs(release: ReleaseWithState): Promise<Record<string, string>>
}

export interface DesiredMaker {
  desired(app: string, environment: string, plan: Plan): Promise<Desired>
  /** A set without processes, for a job. */
  jobSet(app: string, environment: string, number: number): Promise<Omit<DesiredSet, 'processes'>>
}

const CRON_GRACE_SECONDS = 30

export function createDesiredMaker({ release, config, needs }: DesiredDependencies): DesiredMaker {
  async function baseSet(found: ReleaseWithState): Promise<Omit<DesiredSet, 'processes'>> {
    return {
      id: setId(found.number),
      release: found.number,
      artifact: found.content,
      config: {
        ...(await config(found)),
        ...(await needs(found)),
        TOW_APP: found.app,
        TOW_ENVIRONMENT: found.environment,
        TOW_RELEASE: setId(found.number),
      },
    }
  }

  return {
    async desired(app, environment, plan) {
      const releases = new Map<number, ReleaseWithState>()
      const sets: DesiredSet[] = []
      for (const { release: number, counts } of plan.sets) {
        const found = await release(app, environment, number)
        releases.set(number, found)
        const processes = Object.entries(found.run.processes).map(
          ([name, spec]) => [name, { ...spec, count: counts[name] ?? 0 }] as const,
        )
        sets.push({ ...(await baseSet(found)), processes: Object.fromEntries(processes) })
      }
      const crons = plan.crons === null ? undefined : releases.get(plan.crons)
      return {
        sets,
        split: [{ weights: plan.weights }],
        crons: Object.entries(crons?.run.crons ?? {}).map(([name, cron]) => ({
          ...cron,
          name,
          set: setId(crons?.number ?? 0),
          graceSeconds: CRON_GRACE_SECONDS,
        })),
        ...askedByHand(plan),
      }
    },
    jobSet: async (app, environment, number) => baseSet(await release(app, environment, number)),
  }
}
