import { ProcessSpec, type RunSpec } from '../../../api/app-spec.ts'
import { TowError } from '../../../api/errors.ts'
import type { BuildPlan } from '../../../builders/builder.ts'
import type { AppDeclaration } from './declaration.ts'

/**
 * What a release of the app runs: its declarations, completed by the commands that the source implies. Those are used
 * where a process was declared without a command, and where no file declares any command at all.
 * Throws REFUSED where nothing says how to start the app.
 */
export function runSpecOf(app: AppDeclaration, plan: Pick<BuildPlan, 'processes' | 'folder'>): RunSpec {
  const declared = app.run.processes
  const anyCommand = Object.values(declared).some(({ command }) => command !== undefined)
  const { release: impliedRelease, ...implied } = plan.processes
  const names = new Set([...Object.keys(declared), ...(anyCommand ? [] : Object.keys(implied))])
  if (names.size === 0) {
    throw new TowError('REFUSED', `${app.name}: nothing says how to start it`, { hint: wayOut(app) })
  }
  const processes: RunSpec['processes'] = {}
  for (const name of names) {
    const command = declared[name]?.command ?? implied[name]
    if (command === undefined) {
      throw new TowError('REFUSED', `${app.name}: the process ${name} has no command`, {
        hint: wayOut(app, name),
      })
    }
    processes[name] = ProcessSpec.parse({ ...declared[name], command: inFolder(plan.folder, command) })
  }
  const releaseCommand = app.run.releaseCommand ?? (anyCommand ? undefined : impliedRelease)
  return {
    processes,
    ...(releaseCommand !== undefined && { releaseCommand: inFolder(plan.folder, releaseCommand) }),
    crons: Object.fromEntries(
      Object.entries(app.run.crons).map(([name, cron]) => [
        name,
        { ...cron, command: inFolder(plan.folder, cron.command) },
      ]),
    ),
    variables: app.run.variables,
    needs: app.run.needs,
  }
}

/** How many of each process an environment starts with, before anyone scales: 1 where nothing is said. */
export function countsOf(app: AppDeclaration, run: RunSpec, environment: string): Record<string, number> {
  const overrides = app.perEnvironment[environment]?.processes ?? {}
  return Object.fromEntries(
    Object.keys(run.processes).map((name) => [name, overrides[name]?.count ?? app.counts[name] ?? 1]),
  )
}

/** An app inside a workspace starts in its own folder, as it would in the repository. */
function inFolder(folder: string, command: string): string {
  return folder === '.' ? command : `cd '${folder.replaceAll("'", "'\\''")}' && ${command}`
}

function wayOut({ path, name }: AppDeclaration, process = 'web'): string {
  const procfile = path === '.' ? 'Procfile' : `${path}/Procfile`
  return `Add a line "${process}: <command>" to ${procfile}, or apps.${name}.processes.${process} to tow.yaml`
}
