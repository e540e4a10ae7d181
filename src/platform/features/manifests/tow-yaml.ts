import type { CronSpec, VariableSpec } from '../../../api/app-spec.ts'
import { Manifest, type ManifestApp } from '../../../api/manifest.ts'
import { nearest } from '../../../api/nearest.ts'
import { cronProblem } from './crons.ts'
import type { AppDeclaration, DeclaredProcess, Problem } from './declaration.ts'
import { dotted, explain } from './explain.ts'
import { type Located, readYaml } from './located.ts'

export interface TowYaml {
  apps: AppDeclaration[]
  problems: Problem[]
}

/** Reads a tow.yaml. `folder` is where it lies in the tree, `folders` every folder of the tree (`.` is the root). */
export function readTowYaml(
  file: string,
  text: string,
  folder: string,
  folders: ReadonlySet<string>,
): TowYaml {
  const { located, problems: syntax } = readYaml(file, text)
  if (!located) return { apps: [], problems: syntax }
  const parsed = Manifest.safeParse(located.value ?? {})
  if (!parsed.success) return { apps: [], problems: explain(file, located, Manifest, parsed.error) }
  const problems: Problem[] = []
  const report = (path: PropertyKey[], message: string, part: 'key' | 'value' = 'value', hint?: string) =>
    problems.push({
      file,
      ...located.at(path, part),
      message: `${dotted(path)} ${message}`,
      ...(hint && { hint }),
    })

  const apps = Object.entries(parsed.data.apps).map(([name, app]) => {
    const at = ['apps', name]
    const path = folderOf(folder, app.path ?? '.', folders, (message) => report([...at, 'path'], message))
    const context =
      app.context === undefined
        ? path
        : folderOf(folder, app.context, folders, (message) => report([...at, 'context'], message))
    if (context !== '.' && path !== context && !path.startsWith(`${context}/`)) {
      report([...at, 'context'], `is "${app.context}": it must be the app's folder or one above it (${path})`)
    }
    checkProcesses(app, at, report)
    checkCrons(app, at, located, file, problems)
    return declarationOf(file, name, path, context, app)
  })

  const names = apps.map(({ name }) => name)
  for (const [environment, overrides] of Object.entries(parsed.data.environments ?? {})) {
    for (const [name, { processes }] of Object.entries(overrides)) {
      const app = apps.find((one) => one.name === name)
      if (app) app.perEnvironment[environment] = { processes }
      else {
        const meant = nearest(name, names)
        report(
          ['environments', environment, name],
          `is no app of this file`,
          'key',
          meant ? `Did you mean ${meant}?` : `Its apps: ${names.join(', ')}`,
        )
      }
    }
  }
  return { apps, problems }
}

type Report = (path: PropertyKey[], message: string, part?: 'key' | 'value', hint?: string) => void

function folderOf(
  base: string,
  written: string,
  folders: ReadonlySet<string>,
  refuse: (message: string) => void,
): string {
  const segments = base === '.' ? [] : base.split('/')
  for (const segment of written.split('/')) {
    if (segment === '' || segment === '.') continue
    if (segment === '..') {
      if (segments.length === 0) {
        refuse(`is "${written}": it leads out of the repository`)
        return base
      }
      segments.pop()
    } else segments.push(segment)
  }
  if (written.startsWith('/') || written.includes('\\')) {
    refuse(`is "${written}": a folder relative to this file, with /, is expected`)
    return base
  }
  const folder = segments.join('/') || '.'
  if (!folders.has(folder)) {
    const meant = nearest(folder, folders)
    refuse(`is "${written}", and there is no such folder${meant ? `; did you mean ${meant}?` : ''}`)
  }
  return folder
}

function checkProcesses(app: ManifestApp, at: string[], report: Report): void {
  for (const [name, process] of Object.entries(app.processes ?? {})) {
    if (typeof process === 'string') continue
    const path = [...at, 'processes', name]
    if (process.health !== undefined && name !== 'web') {
      report([...path, 'health'], 'has no effect: only web takes requests', 'key', `Remove it from ${name}`)
    }
    if (name !== 'release') continue
    for (const key of Object.keys(process)) {
      if (key !== 'command')
        report(
          [...path, key],
          'has no effect: release runs once per release',
          'key',
          'Only command is known here',
        )
    }
    if (process.command === undefined) report(path, 'has no command')
  }
}

function checkCrons(
  app: ManifestApp,
  at: string[],
  located: Located,
  file: string,
  problems: Problem[],
): void {
  for (const [name, { schedule, timezone }] of Object.entries(app.crons ?? {})) {
    const problem = cronProblem(schedule, timezone ?? 'UTC')
    if (!problem) continue
    const path = [...at, 'crons', name]
    problems.push({
      file,
      ...located.at([...path, problem.key]),
      message: `${dotted(path)}.${problem.message}`,
    })
  }
}

function declarationOf(
  file: string,
  name: string,
  path: string,
  context: string,
  app: ManifestApp,
): AppDeclaration {
  const processes: Record<string, DeclaredProcess> = {}
  const counts: Record<string, number> = {}
  let releaseCommand: string | undefined
  for (const [process, written] of Object.entries(app.processes ?? {})) {
    const entry = typeof written === 'string' ? { command: written } : written
    if (process === 'release') {
      releaseCommand = entry.command
      continue
    }
    const { count, cpu, memory, surge, ...rest } = entry
    if (count !== undefined) counts[process] = count
    processes[process] = present({ ...rest, cpuMillis: cpu, memoryMegabytes: memory, surgePercent: surge })
  }
  return {
    name,
    path,
    context,
    ...(app.owner !== undefined && { owner: app.owner }),
    build: { builder: 'auto', secrets: [], ...present(app.build ?? {}) },
    run: {
      processes,
      ...(releaseCommand !== undefined && { releaseCommand }),
      crons: mapValues(
        app.crons ?? {},
        ({ timezone, ...cron }): CronSpec => ({ ...cron, timezone: timezone ?? 'UTC' }),
      ),
      variables: mapValues(app.env ?? {}, variableOf),
      needs: [...new Set(app.needs ?? [])],
    },
    dev: {
      ...present({ command: app.dev?.command, sync: app.dev?.sync, restart: app.dev?.restart }),
      ignore: app.dev?.ignore ?? [],
    },
    counts,
    perEnvironment: {},
    sources: [file],
  }
}

function variableOf(written: NonNullable<ManifestApp['env']>[string]): VariableSpec {
  const entry = typeof written === 'string' ? { default: written } : written
  return { required: false, secret: false, generated: false, ...present(entry) }
}

/** The object without its undefined values. */
function present<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as never
}

function mapValues<A, B>(record: Record<string, A>, change: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]))
}
