import { APP_OPTION, type Command, ENVIRONMENT_OPTION } from '../../command.ts'
import { followRollouts } from '../../follow.ts'
import { printJson } from '../../terminal/terminal.ts'
import { chosenRollout, ROLLOUT_ARGUMENT } from './chosen.ts'

export const command: Command = {
  arguments: [ROLLOUT_ARGUMENT],
  options: [APP_OPTION, ENVIRONMENT_OPTION],
  examples: [['tow rollout abort -a missions', 'the old release goes on serving; new processes stop']],
  async run(context, [id], options) {
    const { client, rollout } = await chosenRollout(context, id, options)
    const changed = await client.rollouts.abort({ id: rollout.id })
    if (context.json) printJson(context.terminal, changed)
    const exit = await followRollouts(client, context.terminal, [changed.id], context.signal)
    context.terminal.say(`Undo: tow rollout retry -a ${rollout.app} -e ${rollout.environment}`)
    // Aborted is what was asked for.
    return exit === 130 ? exit : 0
  },
}
