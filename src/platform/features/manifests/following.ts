/** How an app is developed: what runs in place of its own commands, and what reloads by itself. Pure. */
import type { AppDeclaration } from './declaration.ts'

/** What looks at its files itself and takes a change over. */
const RELOADS =
  /(?:^|[\s/;&|])(?:vite|nodemon|air|next\s+dev|nuxt\s+dev|astro\s+dev|webpack\s+serve|rails\s+s(?:erver)?|tsx\s+watch)(?=\s|$)|\buvicorn\b.*--reload\b|\bflask\b.*--debug\b|manage\.py\s+runserver(?!.*--noreload)/
/** Of Node: it follows the file that was there at first, and loses one that was replaced. */
const NODE_WATCHES = /(\bnode\b.*?)\s--watch(?:-path=\S+|-preserve-output)?(?=\s|$)/g

export interface Following {
  /** In place of the process's own. */
  commands: Record<string, string>
  /** A change of files does not restart them. */
  reloading: string[]
  /** Patterns of files that don't matter while developing, as in .gitignore. */
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
    if (RELOADS.test(command)) reloading.push(name)
  }
  if (dev.command !== undefined && run.processes.web === undefined) commands.web = dev.command
  return { commands, reloading, ignore: dev.ignore }
}
