import { setTimeout as delay } from 'node:timers/promises'
import type { Domain } from '../../../api/domains.ts'
import type { Client } from '../../../client/client.ts'
import { APP_OPTION, type Command, ENVIRONMENT_OPTION } from '../../command.ts'
import { printFindings } from '../../domains.ts'
import { chooseEnvironment } from '../../environment.ts'
import { chooseApp } from '../../places.ts'
import { printJson } from '../../terminal/terminal.ts'

/** What comes by itself has mostly come by then. */
const PATIENCE_MS = 20_000
const LOOK_EVERY_MS = 500

export const command: Command = {
  arguments: [{ name: '<name>', description: 'like shop.example.com' }],
  options: [
    APP_OPTION,
    ENVIRONMENT_OPTION,
    {
      flags: '--certificate <name>',
      description: 'on a cluster: the TLS Secret beside the app that is shown for the name',
    },
  ],
  examples: [
    [
      'tow domains add shop.example.com -a shop -e prod',
      'shop answers to it, and you read what is still to do',
    ],
    ['tow domains add shop.example.com --certificate shop-tls', 'over HTTPS, with the Secret shop-tls'],
  ],
  async run({ terminal, json, connect, home, cwd, signal }, [name], options) {
    const client = await connect()
    const app = await chooseApp(home, cwd, options.app)
    const environment = await chooseEnvironment(client, options.env)
    const { certificate } = options
    const { host } = await client.domains.add({
      ...{ app, environment, host: name! },
      ...(typeof certificate === 'string' ? { certificate } : {}),
    })
    const domain = await settled(client, { app, environment, host }, signal)
    if (json) return void printJson(terminal, domain)
    if (domain?.state === 'ready') terminal.say(`${app} in ${environment} answers at ${domain.url}`)
    else terminal.say(`${app} in ${environment} is to answer to ${host}: tow domains -a ${app}`)
    if (domain) printFindings(terminal, domain)
    return void terminal.say(`Undo: tow domains remove ${host} -a ${app} -e ${environment}`)
  },
}

/** As it stands once nothing is on its way by itself; null where somebody else removed it. */
async function settled(
  client: Client,
  { app, environment, host }: Pick<Domain, 'app' | 'environment' | 'host'>,
  signal: AbortSignal,
): Promise<Domain | null> {
  for (const end = Date.now() + PATIENCE_MS; ; ) {
    const all = await client.domains.list({ app, environment })
    const domain = all.find((one) => one.host === host) ?? null
    if (domain?.state !== 'pending' || signal.aborted || Date.now() > end) return domain
    await delay(LOOK_EVERY_MS)
  }
}
