/** What `tow doctor` says about this machine. */
import type { Check, Problem } from '../engine.ts'
import { closedFolder } from './enterable.ts'
import type { FoundRuntime } from './runtimes.ts'

export function checkMachine(facts: {
  home: string
  ownUsers: boolean
  runtimes: FoundRuntime[]
  problems: Problem[]
}): Check[] {
  const names = facts.runtimes.map((one) => `${one.name} ${one.version}`)
  const closed = facts.ownUsers ? closedFolder(facts.home) : null
  return [
    { name: 'runner', ok: true, message: 'the runner answers' },
    {
      name: 'runtimes',
      ok: names.length > 0,
      message: names.length > 0 ? `found ${names.join(', ')}` : 'no language runtime was found',
      ...(names.length > 0 ? {} : { mend: 'install Node, Python or Ruby' }),
    },
    closed === null
      ? { name: 'home', ok: true, message: `apps can reach their folders in ${facts.home}` }
      : { name: 'home', ok: false, message: homeClosed(closed).message, mend: homeClosed(closed).hint },
    ...facts.problems.map((problem) => ({
      name: problem.code,
      ok: false,
      message: problem.message,
      ...(problem.hint ? { mend: problem.hint } : {}),
    })),
  ]
}

export function homeClosed(folder: string): Problem & { hint: string } {
  return {
    code: 'home-closed',
    message: `apps run as users of their own, and those cannot enter ${folder}`,
    hint: 'set TOW_HOME to a folder such as /var/lib/towpath',
  }
}
