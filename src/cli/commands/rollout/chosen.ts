import { TowError } from '../../../api/errors.ts'
import type { Rollout } from '../../../api/rollouts.ts'
import type { Client } from '../../../client/client.ts'
import type { CommandContext, Options } from '../../command.ts'
import { chooseEnvironment } from '../../environment.ts'
import { chooseApp } from '../../places.ts'

/** The rollout of that id, else the newest of the app and environment that the options name. */
export async function chosenRollout(
  { connect, home, cwd }: CommandContext,
  id: string | undefined,
  options: Options,
): Promise<{ client: Client; rollout: Rollout }> {
  const client = await connect()
  if (id !== undefined) return { client, rollout: await client.rollouts.get({ id }) }
  const app = await chooseApp(home, cwd, options.app)
  const environment = await chooseEnvironment(client, options.env)
  const [rollout] = await client.rollouts.list({ app, environment, limit: 1 })
  if (!rollout)
    throw new TowError('NOT_FOUND', `nothing was ever rolled out of ${app} in ${environment}`, {
      hint: 'tow ship',
    })
  return { client, rollout }
}

export const ROLLOUT_ARGUMENT = { name: '[rollout]', description: 'its id; default: the newest of the app' }
