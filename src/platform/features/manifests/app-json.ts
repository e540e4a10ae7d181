import * as z from 'zod'
import { ConfigKey } from '../../../api/names.ts'
import { cronProblem } from './crons.ts'
import { emptyDeclaration, type PartialDeclaration, type Problem } from './declaration.ts'
import { explain } from './explain.ts'
import { type Located, readJson } from './located.ts'
import { isName, toName } from './names.ts'

/** The parts of app.json that mean something here, as Heroku documents them (`cron` and `healthchecks`: Dokku). */
const AppJson = z.looseObject({
  name: z.string().optional(),
  env: z
    .record(
      ConfigKey,
      z.union(
        [
          z.string(),
          z.looseObject({
            description: z.string().optional(),
            value: z.string({ error: 'a value is text: write it in quotes' }).optional(),
            required: z.boolean().optional(),
            generator: z.literal('secret', { error: 'the only generator is "secret"' }).optional(),
          }),
        ],
        { error: 'a variable is text or an object' },
      ),
    )
    .optional(),
  formation: z
    .record(
      z.string(),
      z.looseObject({ quantity: z.int('a quantity is a whole number').min(0).max(1000).optional() }),
    )
    .optional(),
  scripts: z.record(z.string(), z.unknown()).optional(),
  cron: z
    .array(z.looseObject({ command: z.string().min(1).max(8192), schedule: z.string().max(200) }))
    .max(100)
    .optional(),
  healthchecks: z
    .record(
      z.string(),
      z.array(z.looseObject({ type: z.string().optional(), path: z.string().startsWith('/').optional() })),
    )
    .optional(),
  addons: z.array(z.union([z.string(), z.looseObject({ plan: z.string() })])).optional(),
})
type AppJson = z.infer<typeof AppJson>

const DESCRIPTIVE = new Set([
  'name',
  'description',
  'keywords',
  'website',
  'repository',
  'logo',
  'success_url',
  '$schema',
])

/** Why a key of app.json has no effect; the person is told, nothing fails. */
const IGNORED: Record<string, string> = {
  buildpacks: 'the language is detected instead; `build` in tow.yaml can name it',
  stack: 'there is no stack to choose',
  image: 'the artifact is built from the source',
  environments: 'test and review apps have no settings of their own here',
}

interface AppJsonResult {
  name: string | null
  declaration: PartialDeclaration
  problems: Problem[]
  notes: Problem[]
}

/** Reads an app.json. Unknown keys and what has no effect become notes, wrong values problems. */
export function readAppJson(file: string, text: string): AppJsonResult {
  const nothing = { name: null, declaration: emptyDeclaration(), notes: [] }
  const { located, problems } = readJson(file, text)
  if (!located) return { ...nothing, problems }
  const parsed = AppJson.safeParse(located.value)
  if (!parsed.success) return { ...nothing, problems: explain(file, located, AppJson, parsed.error) }
  const note = (path: string[], message: string): Problem => ({ file, ...located.at(path, 'key'), message })
  const result: AppJsonResult = {
    name: parsed.data.name ?? null,
    declaration: emptyDeclaration(),
    problems: [],
    notes: Object.keys(parsed.data)
      .filter((key) => !DESCRIPTIVE.has(key) && !(key in AppJson.shape))
      .map((key) => note([key], `${key} has no effect: ${IGNORED[key] ?? 'it is not known here'}`)),
  }
  readEnv(parsed.data, result)
  readFormation(parsed.data, result, note)
  readScripts(parsed.data, result, note)
  readCrons(file, parsed.data, located, result)
  readHealth(parsed.data, result, note)
  readAddons(parsed.data, result, note)
  return result
}

type Note = (path: string[], message: string) => Problem

/** Heroku: every variable is required unless it says otherwise; `value` is a default. */
function readEnv(json: AppJson, { declaration }: AppJsonResult): void {
  for (const [key, entry] of Object.entries(json.env ?? {})) {
    if (typeof entry === 'string') {
      declaration.variables[key] = { required: false, secret: false, generated: false, default: entry }
      continue
    }
    const generated = entry.generator === 'secret'
    declaration.variables[key] = {
      required: entry.required ?? true,
      secret: generated,
      generated,
      ...(entry.value !== undefined && !generated && { default: entry.value }),
      ...(entry.description !== undefined && { description: entry.description.slice(0, 1000) }),
    }
  }
}

function readFormation(json: AppJson, { declaration, notes }: AppJsonResult, note: Note): void {
  for (const [written, { quantity, size }] of Object.entries(json.formation ?? {})) {
    const name = isName(written) ? written : toName(written)
    if (quantity !== undefined) declaration.counts[name] = quantity
    if (size !== undefined) {
      notes.push(
        note(
          ['formation', written, 'size'],
          `the size of ${written} has no effect: set cpu and memory in tow.yaml`,
        ),
      )
    }
  }
}

const SCRIPTS: Record<string, string> = {
  postdeploy:
    'Heroku runs it once after an app is made, never again; a `release` line in the Procfile runs once per release',
  'pr-predestroy': 'it belongs to review apps',
}

function readScripts(json: AppJson, { notes }: AppJsonResult, note: Note): void {
  for (const name of Object.keys(json.scripts ?? {})) {
    notes.push(
      note(['scripts', name], `scripts.${name} is not run: ${SCRIPTS[name] ?? 'it is not known here'}`),
    )
  }
}

function readCrons(
  file: string,
  json: AppJson,
  located: Located,
  { declaration, problems }: AppJsonResult,
): void {
  for (const [index, { command, schedule }] of (json.cron ?? []).entries()) {
    const problem = cronProblem(schedule, 'UTC')
    if (problem)
      problems.push({
        file,
        ...located.at(['cron', index, 'schedule']),
        message: `cron.${index}.${problem.message}`,
      })
    else declaration.crons[`cron-${index + 1}`] = { command, schedule, timezone: 'UTC' }
  }
}

function readHealth(json: AppJson, { declaration, notes }: AppJsonResult, note: Note): void {
  for (const [process, checks] of Object.entries(json.healthchecks ?? {})) {
    const check = process === 'web' ? checks.find(({ type, path }) => path && type !== 'liveness') : undefined
    if (check?.path) declaration.processes.web = { health: check.path }
    if (process !== 'web' || checks.length > (check ? 1 : 0)) {
      notes.push(
        note(
          ['healthchecks', process],
          `of healthchecks.${process} only the first HTTP path of web has an effect`,
        ),
      )
    }
  }
}

/** `heroku-postgresql` sets DATABASE_URL, as `needs: [postgres]` does; other add-ons have no counterpart. */
function readAddons(json: AppJson, { declaration, notes }: AppJsonResult, note: Note): void {
  for (const [index, addon] of (json.addons ?? []).entries()) {
    const plan = typeof addon === 'string' ? addon : addon.plan
    if (plan.split(':')[0] === 'heroku-postgresql') declaration.needs = ['postgres']
    else
      notes.push(
        note(
          ['addons', String(index)],
          `the add-on ${plan} is not run here: set what it would set with tow config`,
        ),
      )
  }
}
