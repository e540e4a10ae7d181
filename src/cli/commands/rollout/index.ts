import { APP_OPTION, type Command, ENVIRONMENT_OPTION } from '../../command.ts'
import { printJson } from '../../terminal/terminal.ts'
import { age, columns } from '../../terminal/text.ts'
import { chosenRollout, ROLLOUT_ARGUMENT } from './chosen.ts'

export const command: Command = {
  arguments: [ROLLOUT_ARGUMENT],
  options: [APP_OPTION, ENVIRONMENT_OPTION],
  examples: [['tow rollout -a missions -e prod', 'its phases with their times, and what it waits for']],
  async run(context, [id], options) {
    const { terminal, json } = context
    const { rollout } = await chosenRollout(context, id, options)
    if (json) return void printJson(terminal, rollout)
    terminal.print(
      `v${rollout.release} of ${rollout.app} in ${rollout.environment}: ${rollout.phase}, by ${rollout.by}, ${age(rollout.startedAt)} ago`,
    )
    terminal.print(
      columns(
        rollout.history.map(({ at, phase, message }) => [at.slice(11, 19), phase, message]),
        '  ',
      ),
    )
    for (const line of rollout.lastLines) terminal.print(terminal.paint('dim', `    ${line}`))
    if (rollout.hint) terminal.print(`  ${rollout.hint}`)
    return undefined
  },
}
