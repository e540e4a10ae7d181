import { APP_OPTION, type Command, ENVIRONMENT_OPTION } from '../../command.ts'
import { followRollouts } from '../../follow.ts'
import { printJson } from '../../terminal/terminal.ts'
import { chosenRollout, ROLLOUT_ARGUMENT } from './chosen.ts'

export const command: Command = {
  arguments: [ROLLOUT_ARGUMENT],
  options: [APP_OPTION, ENVIRONMENT_OPTION],
  examples: [
    [
      'tow rollout retry -a missions',
      'the same release again; an unknown release command is started once more',
    ],
  ],
  async run(context, [id], options) {
    const { client, rollout } = await chosenRollout(context, id, options)
    const changed = await client.rollouts.retry({ id: rollout.id })
    if (context.json) printJson(context.terminal, changed)
    return followRollouts(client, context.terminal, [changed.id], context.signal)
  },
}
