/**
 * What may stand in `tow.yaml`. The published JSON Schema (`schema/tow.schema.json`) is made from this, so that an
 * editor and the platform never disagree. It says nothing about other files, nor how an app is found.
 */
import * as z from 'zod'
import { DEFAULT_LOG_POLICY, LogPolicy } from './app-spec.ts'
import { ConfigKey, Name, TeamName } from './names.ts'

const COMMAND = 'a command is text, e.g. "node server.js"'
const CPU = 'cores are written like 250m, 0.5 or 2'
const MEMORY = 'memory is written like 256Mi or 1Gi'
const SURGE = 'a share is written like 25%'
const SECONDS = 'whole seconds from 0 to 3600'
const COUNT = 'a count is a whole number from 0 to 1000'

const RESTART = 'restart is true, false, or a list of patterns'

const Command = z.string({ error: COMMAND }).min(1, COMMAND).max(8192)

/** `250m`, `2` or `0.5`: thousandths of a core. */
const Cpu = z
  .union([z.string().regex(/^(\d+m|\d+(\.\d+)?)$/, CPU), z.number(CPU).positive(CPU)], { error: CPU })
  .transform((value) => {
    const text = String(value)
    return text.endsWith('m') ? Number(text.slice(0, -1)) : Math.round(Number(text) * 1000)
  })
  .refine((millis) => millis >= 1 && millis <= 1_024_000, 'between 1m and 1024 cores')

const UNITS: Record<string, number> = { Mi: 1024 ** 2, Gi: 1024 ** 3, M: 1000 ** 2, G: 1000 ** 3 }

/** `256Mi`, `1Gi`, `512M`: mebibytes. */
const Memory = z
  .string({ error: MEMORY })
  .regex(/^\d+(\.\d+)?(Mi|Gi|M|G)$/, MEMORY)
  .transform((text) => {
    const [, amount, unit] = /^([\d.]+)(\w+)$/.exec(text)!
    return Math.floor((Number(amount) * UNITS[unit!]!) / UNITS.Mi!)
  })
  .refine((megabytes) => megabytes >= 4 && megabytes <= 4_194_304, 'between 4Mi and 4096Gi')

/** `25%`: percent. */
const Surge = z
  .string({ error: SURGE })
  .regex(/^([1-9]\d?|100)%$/, SURGE)
  .transform((text) => Number.parseInt(text, 10))

const Seconds = z.int(SECONDS).min(0, SECONDS).max(3600, SECONDS)

const Patterns = z.array(z.string().min(1).max(1024)).max(200)

const ManifestProcess = z.strictObject({
  command: Command.optional().describe(
    'Run by sh in the app; left out where a Procfile or the language says it',
  ),
  health: z
    .string()
    .startsWith('/', 'a health path starts with /')
    .max(1024)
    .optional()
    .describe('HTTP path that answers 2xx or 3xx when ready; web only'),
  bootSeconds: Seconds.min(1, SECONDS).optional().describe('Time until it must be healthy; default 60'),
  graceSeconds: Seconds.optional().describe('Time between SIGTERM and SIGKILL; default 30'),
  count: z.int(COUNT).min(0, COUNT).max(1000, COUNT).optional().describe('How many run; default 1'),
  cpu: Cpu.optional().describe('Cores: 250m, 2'),
  memory: Memory.optional().describe('Memory: 256Mi, 1Gi'),
  surge: Surge.optional().describe('Share of a large set that moves at a time; default 25%'),
  logs: LogPolicy.optional().describe(
    `Log lines that come faster than they are kept: the process waits (block), or they are counted and dropped (drop); default ${DEFAULT_LOG_POLICY}`,
  ),
})

const ManifestVariable = z.strictObject({
  default: z.string({ error: 'a default is text: write it in quotes' }).max(65_536).optional(),
  required: z.boolean().optional(),
  secret: z.boolean().optional(),
  generated: z.boolean().optional().describe('Made up by the platform, once per environment'),
  description: z.string().max(1000).optional(),
})

const ManifestApp = z.strictObject({
  path: z
    .string()
    .max(1024)
    .optional()
    .describe("The app's folder; a change in it ships the app. Default: here"),
  context: z.string().max(1024).optional().describe("What its build may read; default: the app's folder"),
  owner: TeamName.optional().describe('The team that answers for it'),
  build: z
    .strictObject({
      builder: z
        .enum(['auto', 'source', 'node', 'python', 'go', 'ruby', 'static'])
        .optional()
        .describe('auto, or the language where several could be meant'),
      command: Command.optional().describe('Replaces the build step that would be detected'),
      secrets: z.array(ConfigKey).max(50).optional().describe('Secrets that the build command may read'),
      spa: z.boolean().optional().describe('Static sites: unknown paths answer with index.html'),
    })
    .optional(),
  processes: z
    .record(Name, z.union([Command, ManifestProcess], { error: 'a process is a command or a mapping' }))
    .optional(),
  crons: z
    .record(
      Name,
      z.strictObject({
        command: Command,
        schedule: z.string().max(200).describe('Five fields, as crontab(5)'),
        timezone: z.string().max(64).optional().describe('IANA name; default UTC'),
      }),
    )
    .optional(),
  needs: z.array(Name).max(50).optional().describe('Other apps, and things that are run for it (postgres)'),
  env: z
    .record(ConfigKey, z.union([z.string(), ManifestVariable], { error: 'a variable is text or a mapping' }))
    .optional(),
  dev: z
    .strictObject({
      command: Command.optional().describe('Runs in place of web’s command'),
      sync: Patterns.optional().describe(
        'What goes to the workspace as it is; a change of anything else is built. Default: all but what decides about the build',
      ),
      restart: z
        .union([z.boolean(), Patterns], { error: RESTART })
        .optional()
        .describe(
          'false: the command reloads by itself; patterns: only these start it anew. Default: told from the command',
        ),
      ignore: Patterns.optional().describe('Files that don’t matter'),
    })
    .optional()
    .describe('While it is developed with tow dev; patterns as in .gitignore, from the app’s folder'),
})

/** The whole of `tow.yaml`; sizes come out in thousandths of a core, mebibytes and percent. */
export const Manifest = z
  .strictObject({
    version: z.literal(1, { error: 'this Towpath reads version 1' }),
    apps: z.record(Name, ManifestApp).refine((apps) => Object.keys(apps).length > 0, 'name at least one app'),
    environments: z
      .record(
        Name,
        z.record(
          Name,
          z.strictObject({
            processes: z.record(Name, z.strictObject({ count: z.int(COUNT).min(0, COUNT).max(1000, COUNT) })),
          }),
        ),
      )
      .optional()
      .describe('What differs in one environment'),
  })
  .describe('tow.yaml: how the apps of a repository are built and run')
export type Manifest = z.infer<typeof Manifest>
export type ManifestApp = z.infer<typeof ManifestApp>

/** The JSON Schema that editors use for `tow.yaml`. */
export function manifestJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(Manifest, { io: 'input', target: 'draft-2020-12' })
  return { $schema, title: 'tow.yaml', ...schema }
}
