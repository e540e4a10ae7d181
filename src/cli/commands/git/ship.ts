import { TowError } from '../../../api/errors.ts'
import type { Client } from '../../../client/client.ts'
import { type Command, ENVIRONMENT_OPTION } from '../../command.ts'
import { followShip } from '../../follow-ship.ts'
import { sayLive } from '../../ship-space.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '<branch>', description: 'one that was pushed; tow git branches lists them' }],
  options: [
    {
      flags: '-a, --app <name>',
      description: 'only this app (several times for more); default: all that it declares',
      many: true,
    },
    ENVIRONMENT_OPTION,
    { flags: '--repository <name>', description: 'where several have a branch of that name' },
    { flags: '--space <name>', description: 'into this space, which goes when the branch is deleted' },
    { flags: '--detach', description: 'do not wait' },
  ],
  examples: [
    ['tow git ship fix-map -a missions', 'a branch, as it was pushed, to the first environment'],
    ['tow git ship main -a missions', 'again, e.g. after it was rolled back'],
    ['tow git ship fix-map --space fix-map', 'into a space: stage stays as it is'],
  ],
  async run({ terminal, json, connect, signal }, [branch], options) {
    const client = await connect()
    const apps = options.app as string[]
    const repository = await repositoryWith(client, branch!, options, apps[0])
    const taken = await client.git.tree({ repository, branch: branch! })
    for (const path of taken.leftOut) terminal.say(`${path} is a submodule: its files are not shipped.`)
    const ship = await client.ships.start({
      ...{ tree: taken.tree, folderName: taken.folderName, origin: taken.origin },
      ...(apps.length > 0 ? { apps } : {}),
      ...(typeof options.env === 'string' ? { environment: options.env } : {}),
      ...(typeof options.space === 'string'
        ? { space: { name: options.space, branch: { name: branch!, repository } } }
        : {}),
    })
    if (options.detach) {
      if (json) printJson(terminal, ship)
      else terminal.say(`Shipping ${branch} to ${ship.space ?? ship.environment}.`)
      return 0
    }
    const exit = await followShip({ client, terminal, ship, json, signal })
    if (ship.space !== null && exit === 0 && !json) await sayLive(client, terminal, ship)
    return exit
  },
}

/** The one that is named, else the only one with such a branch. */
async function repositoryWith(
  client: Client,
  branch: string,
  { repository }: Record<string, unknown>,
  app: string | undefined,
): Promise<string> {
  if (typeof repository === 'string') return repository
  const pushed = await client.git.branches({ limit: 500, ...(app === undefined ? {} : { app }) })
  const found = pushed.filter((one) => one.branch === branch).map((one) => one.repository)
  if (found.length === 1) return found[0]!
  if (found.length > 1) {
    throw new TowError('USAGE', `${found.join(' and ')} have a branch ${branch}, so say which one`, {
      hint: `tow git ship ${branch} --repository ${found[0]}`,
    })
  }
  throw new TowError('NOT_FOUND', `no branch ${branch} was pushed${app ? ` of ${app}` : ''}`, {
    hint: `git push tow ${branch}`,
  })
}
