/** The platform about itself: what is up, what is wrong with it, and its end. It knows its parts only as functions. */
import type { Clock } from '../../kernel/clock.ts'
import type { Database } from '../../kernel/database.ts'
import type { Feature } from '../../kernel/feature.ts'
import { operations } from '../../kernel/operations.ts'
import { type Check, type CheckSource, machineChecks } from './checks.ts'

export interface Part {
  name: string
  ok: boolean
  /** One sentence. */
  message: string
  pid: number | null
}

export interface Counts {
  apps: number
  activeRollouts: number
  activeBuilds: number
}

export interface SystemOptions {
  database: Database
  clock: Clock
  version: string
  home: string
  tokenFile: string
  parts: () => Promise<Part[]>
  counts: () => Promise<Counts>
  /** The engines' own checks, and whatever else can tell how it is. */
  checks: readonly CheckSource[]
  /** Names what ends with the platform. */
  whatStops: (everything: boolean) => string[]
  /** Ends it, once the answer is on its way. */
  stop: (everything: boolean) => void
}

const CHECK_SECONDS = 10

export function createSystem(options: SystemOptions) {
  const { database, clock, version, home, tokenFile, parts, counts, checks, whatStops, stop } = options
  const startedAt = clock.now().toISOString()
  const all = [...machineChecks({ home, tokenFile, db: database.db, now: () => clock.now() }), ...checks]

  const routes = {
    system: {
      status: operations.system.status.handler(async () => ({
        version,
        startedAt,
        home,
        parts: [{ name: 'platform', ok: true, message: 'answers', pid: process.pid }, ...(await parts())],
        ...(await counts()),
      })),
      doctor: operations.system.doctor.handler(async () => (await Promise.all(all.map(look))).flat()),
      stop: operations.system.stop.handler(async ({ input, context }) => {
        const answer = await database.change(context.actor, async (change) => {
          change.event({
            kind: 'platform.stopped',
            message: input.everything ? 'Stopped the platform, apps and databases' : 'Stopped the platform',
          })
          return { stopping: whatStops(input.everything) }
        })
        stop(input.everything)
        return answer
      }),
    },
  }
  return { name: 'system', migrations: [], routes } satisfies Feature
}

/** A check that throws or hangs has failed, and says so. */
async function look(source: CheckSource): Promise<Check[]> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`no answer within ${CHECK_SECONDS} seconds`)),
      CHECK_SECONDS * 1000,
    )
  })
  try {
    return await Promise.race([source(), late])
  } catch (error) {
    return [
      {
        name: 'check',
        ok: false,
        message: `a check could not be made: ${error instanceof Error ? error.message : String(error)}`,
        mend: 'tow status tells which part is down',
      },
    ]
  } finally {
    clearTimeout(timer)
  }
}
