import { eventIterator } from '@orpc/contract'
import * as z from 'zod'
import { LogLine, LogQuery } from './logs.ts'
import { Name, ReleaseNumber, Timestamp } from './names.ts'
import { operation } from './operation.ts'

export const ProcessRow = z.object({
  id: z.string(),
  process: z.string(),
  release: ReleaseNumber,
  state: z.enum(['starting', 'healthy', 'unhealthy', 'stopping', 'waiting', 'crashed']),
  startedAt: Timestamp,
  restarts: z.int(),
  cpuPercent: z.number().nullable(),
  memoryBytes: z.number().nullable(),
  lastExit: z.string().nullable(),
  problem: z.string().nullable(),
})

export const ProcessList = z.object({
  app: Name,
  environment: Name,
  /** When the engine saw this; null when it did not answer. */
  observedAt: Timestamp.nullable(),
  processes: z.array(ProcessRow),
  /** What takes traffic, or is there to take it; newest first. */
  sets: z.array(
    z.object({
      release: ReleaseNumber,
      /** Of requests, as the router shares them now, in percent. */
      percent: z.number(),
      healthy: z.int(),
      processes: z.int(),
      /** Requests under way. */
      inFlight: z.int(),
    }),
  ),
  crons: z.array(
    z.object({
      name: z.string(),
      schedule: z.string(),
      timezone: z.string(),
      nextAt: Timestamp.nullable(),
      lastRun: z.string().nullable(),
    }),
  ),
  /** Counts that someone set by hand; they win over the source until cleared. */
  overrides: z.array(
    z.object({
      process: z.string(),
      count: z.int(),
      by: z.string(),
      at: Timestamp,
      reason: z.string().nullable(),
    }),
  ),
  /** Why nobody comes in from outside; null where everybody does. */
  maintenance: z.object({ message: z.string() }).nullable(),
})

export type ProcessList = z.infer<typeof ProcessList>

export const Difference = z.object({
  /** The thing, what it is, what was asked for, and the program that changed it. */
  message: z.string(),
  /** What it means where Towpath has a word for it: only that can be adopted. */
  count: z.object({ process: z.string(), count: z.int() }).nullable(),
})
export type Difference = z.infer<typeof Difference>

export const Run = z.object({
  id: z.string(),
  app: Name,
  environment: Name,
  /** The space that it ran in; null for the environment itself. */
  space: Name.nullable(),
  /** In a space: the revision. */
  release: ReleaseNumber,
  command: z.string(),
  state: z.enum(['running', 'succeeded', 'failed', 'unknown']),
  exit: z.int().nullable(),
  reason: z.string().nullable(),
  by: z.string(),
  startedAt: Timestamp,
  endedAt: Timestamp.nullable(),
})
export type Run = z.infer<typeof Run>

/** A number; `given`: the one in the process's PORT; `debug`: that in TOW_DEBUG_PORT, which `tow dev` has. */
export const ForwardPort = z.union([z.enum(['given', 'debug']), z.int().min(1).max(65_535)])
export type ForwardPort = z.infer<typeof ForwardPort>

const OfApp = z.object({ app: Name, environment: Name })
/** The environment's own, or the copy in a space over it. */
const OfCopy = OfApp.extend({ space: Name.optional() })
const base = '/apps/{app}/environments/{environment}' as const

/**
 * Outside this table: the terminal of a run is a WebSocket at `/api/runs/{id}/terminal`, and a port of a process at
 * `/api/apps/{app}/environments/{environment}/processes/{process}/ports/{port}/stream`, in a space at
 * `/api/spaces/{space}/apps/{app}/processes/{process}/ports/{port}/stream`.
 */
export const processes = {
  list: operation({
    method: 'GET',
    path: `${base}/processes`,
    summary: 'What runs, as observed',
    permission: 'read',
  })
    .input(OfCopy)
    .output(ProcessList),
  scale: operation({
    method: 'PATCH',
    path: `${base}/processes`,
    summary:
      'Set counts by hand; null goes back to what the source says, or what the delivery into a space asked for',
    permission: 'app:change',
    objects: { app: 'app', environment: 'environment', inSpace: 'space' },
  })
    .input(
      OfCopy.extend({
        counts: z.record(Name, z.int().min(0).max(1000).nullable()),
        reason: z.string().max(500).optional(),
      }),
    )
    .output(z.object({ counts: z.record(z.string(), z.object({ before: z.int(), after: z.int() })) })),
  restart: operation({
    method: 'POST',
    path: `${base}/restart`,
    summary: 'Replace the running processes, one at a time',
    permission: 'app:change',
    objects: { app: 'app', environment: 'environment', inSpace: 'space' },
  })
    .input(OfCopy.extend({ process: Name.optional() }))
    .output(z.object({ processes: z.array(z.string()) })),
  maintain: operation({
    method: 'PUT',
    path: `${base}/maintenance`,
    summary: 'Close an app to the outside, with a sentence for whoever asks, or open it again with null',
    permission: 'app:change',
    objects: { app: 'app', environment: 'environment' },
  })
    .input(
      OfApp.extend({
        maintenance: z
          .object({ message: z.string().max(500).describe('Empty: a sentence that names the app') })
          .nullable(),
      }),
    )
    .output(z.object({ maintenance: z.object({ message: z.string() }).nullable() })),
  drift: operation({
    method: 'GET',
    path: `${base}/drift`,
    summary: 'What somebody changed past Towpath, as the engine compares it now',
    permission: 'read',
  })
    .input(OfCopy)
    .output(z.array(Difference)),
  settleDrift: operation({
    method: 'POST',
    path: `${base}/drift`,
    summary: 'Put back what somebody changed past Towpath, or adopt it as what is asked for',
    permission: 'app:change',
    objects: { app: 'app', environment: 'environment' },
  })
    .input(OfApp.extend({ choice: z.enum(['mend', 'adopt']) }))
    .output(
      z.object({
        differences: z.array(Difference),
        /** What was adopted, by process. */
        counts: z.record(z.string(), z.object({ before: z.int(), after: z.int() })),
      }),
    ),
  logs: operation({
    method: 'GET',
    path: `${base}/logs`,
    summary: 'Log lines, oldest first',
    permission: 'read',
  })
    .input(OfCopy.extend(LogQuery.shape))
    .output(eventIterator(LogLine)),
  run: operation({
    method: 'POST',
    path: `${base}/runs`,
    summary: 'Start a command once, in a process of the live release',
    permission: 'app:change',
    objects: { app: 'app', environment: 'environment', inSpace: 'space' },
  })
    .input(
      OfCopy.extend({
        command: z.string().min(1).max(8192),
        terminal: z.object({ columns: z.int().min(1).max(1000), rows: z.int().min(1).max(1000) }).optional(),
        /** Nobody will attach to write: its input is empty. */
        detached: z.boolean().default(false),
        /** Seconds; ended after that. */
        timeoutSeconds: z.int().min(1).max(86_400).optional(),
      }),
    )
    .output(Run),
  forward: operation({
    method: 'POST',
    path: `${base}/forwards`,
    summary: 'Say that somebody is about to reach a port of a process; refused where it does not run',
    permission: 'app:change',
    objects: { app: 'app', environment: 'environment', inSpace: 'space' },
    replays: false,
  })
    .input(OfCopy.extend({ process: Name.default('web'), port: ForwardPort.default('given') }))
    .output(z.object({ process: Name, port: ForwardPort })),
  getRun: operation({ method: 'GET', path: '/runs/{id}', summary: 'One run', permission: 'read' })
    .input(z.object({ id: z.string().max(64) }))
    .output(Run),
  listRuns: operation({
    method: 'GET',
    path: `${base}/runs`,
    summary: 'Runs, newest first',
    permission: 'read',
  })
    .input(OfCopy)
    .output(z.array(Run)),
  samples: operation({
    method: 'GET',
    path: `${base}/samples`,
    summary: 'CPU and memory of the last 24 hours, by process',
    permission: 'read',
  })
    .input(OfCopy)
    .output(
      z.array(
        z.object({
          process: z.string(),
          at: Timestamp,
          cpuPercent: z.number(),
          memoryBytes: z.number(),
        }),
      ),
    ),
}
