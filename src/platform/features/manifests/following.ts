/** How an app is developed: what runs in place of its own commands, and what a change of files does to it. Pure. */
import type { AppDeclaration } from './declaration.ts'

/** Programs that look at their files themselves and take a change over. */
const RELOADING = [
  ...[
    'vite',
    'nodemon',
    'air',
    'next dev',
    'nuxt dev',
    'nuxi dev',
    'astro dev',
    'remix dev',
    'gatsby develop',
  ],
  ...['react-router dev', 'webpack serve', 'webpack-dev-server', 'react-scripts start', 'ng serve', 'parcel'],
  ...['tsx watch', 'ts-node-dev', 'node-dev', 'rails s', 'rails server', 'fastapi dev', 'rerun', 'guard'],
  ...['cargo watch', 'watchexec', 'wgo', 'gow', 'modd', 'reflex', 'entr', 'mix phx\\.server', 'jekyll serve'],
]
/** The same where an option says so. */
const RELOADS_BY_OPTION = [
  String.raw`\b(?:uvicorn|gunicorn|hypercorn|granian|litestar)\b.*--reload\b`,
  String.raw`\bflask\b.*--debug\b`,
  String.raw`manage\.py\s+runserver(?!.*--noreload)`,
  String.raw`\bnest\s+start\b.*(?:--watch|\s-w)\b`,
  String.raw`\b(?:bun|deno)\b.*--(?:hot|watch)\b`,
  String.raw`\bnode\b.*--import[= ]\S*hot\b`,
]
const RELOADS = new RegExp(
  [
    `(?:^|[\\s/;&|])(?:${RELOADING.map((words) => words.replaceAll(' ', '\\s+')).join('|')})(?=\\s|$)`,
    ...RELOADS_BY_OPTION,
  ].join('|'),
)
/** Of Node: it follows the file that was there at first, and loses one that was replaced. */
const NODE_WATCHES = /(\bnode\b.*?)\s--watch(?:-path=\S+|-preserve-output)?(?=\s|$)/g

export interface Following {
  /** In place of the process's own. */
  commands: Record<string, string>
  /** A change of files does not restart them. */
  reloading: string[]
  /** What goes to the workspace as it is, anything else being built; null: whatever the build leaves as it is. */
  sync: string[] | null
  /** What alone restarts a process; null: everything. */
  restart: string[] | null
  /** Files that don't matter while developing. All three are patterns as in .gitignore. */
  ignore: string[]
}

export function followingOf({ run, dev }: Pick<AppDeclaration, 'run' | 'dev'>): Following {
  const commands: Record<string, string> = {}
  const reloading: string[] = []
  for (const [name, { command: own }] of Object.entries(run.processes)) {
    const asked = (name === 'web' ? dev.command : undefined) ?? own
    if (asked === undefined) continue
    const command = asked.replace(NODE_WATCHES, '$1')
    if (command !== own) commands[name] = command
    if (name === 'web' && dev.restart !== undefined) continue
    if (RELOADS.test(command)) reloading.push(name)
  }
  if (dev.command !== undefined && run.processes.web === undefined) commands.web = dev.command
  if (dev.restart === false) reloading.push('web')
  const restart = Array.isArray(dev.restart) ? dev.restart : null
  return { commands, reloading, sync: dev.sync ?? null, restart, ignore: dev.ignore }
}

/** How it is built while somebody develops it: a command of its own runs from the source, with what that needs. */
export function developed(declaration: AppDeclaration): AppDeclaration {
  const { build, run, dev } = declaration
  if (dev.command === undefined) return declaration
  const web = { ...run.processes.web, command: dev.command }
  return {
    ...declaration,
    build: { ...build, development: true, startsItself: true },
    run: { ...run, processes: { ...run.processes, web } },
  }
}
