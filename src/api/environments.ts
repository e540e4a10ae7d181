import * as z from 'zod'
import { Name, Timestamp } from './names.ts'
import { operation } from './operation.ts'

export const CheckResult = z.object({
  name: z.string(),
  ok: z.boolean(),
  message: z.string(),
  mend: z.string().optional(),
})
export type CheckResult = z.infer<typeof CheckResult>

const MOST_LEVELS = 12
const MOST_VALUES = 2000

/** Of one kind of engine, which alone knows and judges their shape; no secrets. */
const EngineSettings = z
  .record(z.string().min(1).max(64), z.unknown())
  .refine((settings) => countValues(settings, MOST_LEVELS) <= MOST_VALUES, {
    message: `settings have at most ${MOST_LEVELS} levels and ${MOST_VALUES} values`,
  })

/** Infinity where it goes deeper than so many levels. */
function countValues(value: unknown, levels: number): number {
  if (typeof value !== 'object' || value === null) return 1
  if (levels === 0) return Number.POSITIVE_INFINITY
  return Object.values(value).reduce((sum: number, inner) => sum + countValues(inner, levels - 1), 1)
}

export const Environment = z.object({
  name: Name,
  engine: z.string(),
  /** Where its engine runs apps, for people; nothing for the engine on this machine. */
  facts: z.array(z.object({ name: z.string(), value: z.string() })),
  /** Place in the pipeline, from 0. */
  position: z.int(),
  createdAt: Timestamp,
})

const Added = z.object({
  name: Name,
  engine: z.string().max(32).default('local'),
  before: Name.optional(),
  settings: EngineSettings.default({}),
  /** Of a PostgreSQL server in which apps get databases, for someone who may make them; kept sealed. */
  postgres: z.string().min(1).max(2000).optional(),
})

/** Registries, or folders in them. */
const Places = z.array(z.string().min(1).max(400)).max(50)

/** Of everything that runs in an environment, copies in spaces too. */
export const Capacity = z.object({
  /** Whose it is that there is: `this machine`, `2 nodes`; null where the engine is not told. */
  of: z.string().nullable(),
  cpus: z.number().nullable(),
  memoryBytes: z.number().nullable(),
  /** What processes that should run ask for. */
  asked: z.object({ cpus: z.number(), memoryBytes: z.number() }),
  /** As the engine measures it; null where it measures nothing. */
  used: z.object({ cpus: z.number(), memoryBytes: z.number() }).nullable(),
  processes: z.int(),
  /** Of the processes, those that ask for no CPU or no memory: nobody can plan with them. */
  silent: z.int(),
})
export type Capacity = z.infer<typeof Capacity>

export const environments = {
  list: operation({
    method: 'GET',
    path: '/environments',
    summary: 'Environments in order',
    permission: 'read',
  }).output(z.array(Environment)),
  add: operation({
    method: 'POST',
    path: '/environments',
    summary: 'Add an environment at the end of the pipeline, or before another',
    permission: 'platform:administer',
  })
    .input(Added)
    .output(Environment),
  probe: operation({
    method: 'POST',
    path: '/environments/probe',
    summary: 'What the checks of an environment would say, with nothing added',
    permission: 'platform:administer',
    changes: false,
  })
    .input(Added)
    .output(z.array(CheckResult)),
  lend: operation({
    method: 'POST',
    path: '/environments/{name}/logins',
    summary: 'For which registries whoever ships an image made elsewhere may use the platform’s logins',
    permission: 'platform:administer',
  })
    .input(z.object({ name: Name, lend: Places.default([]), takeBack: Places.default([]) }))
    .output(Environment),
  remove: operation({
    method: 'DELETE',
    path: '/environments/{name}',
    summary: 'Remove an environment in which no app runs',
    permission: 'platform:administer',
  })
    .input(z.object({ name: Name }))
    .output(z.object({ name: Name })),
  export: operation({
    method: 'GET',
    path: '/environments/{name}/manifests',
    summary:
      'What is applied for the apps of an environment, in the words of its engine; values of config are hidden',
    permission: 'read',
  })
    .input(z.object({ name: Name, app: Name.optional() }))
    .output(z.array(z.object({ app: Name, text: z.string() }))),
  capacity: operation({
    method: 'GET',
    path: '/environments/{name}/capacity',
    summary: 'What there is to run on, what is asked for, and what is used',
    permission: 'read',
  })
    .input(z.object({ name: Name }))
    .output(Capacity),
  check: operation({
    method: 'GET',
    path: '/environments/{name}/checks',
    summary: 'Whether the engine of an environment can do its work, with the mend where it can’t',
    permission: 'read',
  })
    .input(z.object({ name: Name }))
    .output(z.array(CheckResult)),
}
