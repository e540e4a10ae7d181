import { setTimeout as pause } from 'node:timers/promises'
import { TowError } from '../../../api/errors.ts'
import type { Client } from '../../../client/client.ts'
import type { Command } from '../../command.ts'
import { hoursOf, left } from '../../spaces.ts'
import { printJson, type Terminal } from '../../terminal/terminal.ts'

/** Renewed well before its lease ends. */
const RENEW_MS = 30_000
const LEASE_SECONDS = 120

export const command: Command = {
  arguments: [{ name: '<app>', description: 'the app' }],
  options: [
    { flags: '--space <name>', description: 'the space whose copy gets the traffic' },
    { flags: '--for <time>', description: 'for so long (up to 24h), without this command running on' },
  ],
  examples: [
    [
      'tow spaces swap missions --space mine',
      'until Ctrl-C: all traffic of the environment for missions comes to mine',
    ],
    ['tow spaces swap missions --space mine --for 2h', 'for two hours, or until somebody gives it back'],
  ],
  async run({ terminal, json, connect, signal }, [app], options) {
    const { space } = options
    if (typeof space !== 'string')
      throw new TowError('USAGE', 'say whose copy gets the traffic', {
        hint: `tow spaces swap ${app} --space mine`,
      })
    const client = await connect()
    const isBounded = typeof options.for === 'string'
    const seconds = isBounded ? hoursOf(String(options.for), '--for') * 3600 : LEASE_SECONDS
    const { environment } = await client.spaces.get({ space })
    const swap = await client.spaces.swap({ space, app: app!, seconds })
    if (json) printJson(terminal, swap)
    terminal.say(`All traffic for ${app} in ${environment} comes to ${space}, whoever asks.`)
    if (isBounded) {
      terminal.say(`It goes back by itself in ${left(swap.until)}.`)
      return void terminal.say(`Undo: tow spaces unswap ${app} -e ${environment}`)
    }
    terminal.say('Ctrl-C gives it back. If this command dies, it goes back within two minutes.')
    return hold({ client, terminal, signal, space, app: app!, environment })
  },
}

interface Held {
  client: Client
  terminal: Terminal
  signal: AbortSignal
  space: string
  app: string
  environment: string
}

/** Until Ctrl-C, or until somebody else gave it back. A platform that is away for a while is no end of it. */
async function hold({ client, terminal, signal, space, app, environment }: Held): Promise<number> {
  while (!signal.aborted) {
    await pause(RENEW_MS, null, { signal }).catch(() => {})
    if (signal.aborted) break
    const now = await client.spaces.get({ space }).catch(() => null)
    if (now && !now.apps.some((one) => one.app === app && one.swap)) {
      terminal.say(`The traffic for ${app} is ${environment}’s own again: somebody gave it back.`)
      return 1
    }
    await client.spaces.swap({ space, app, seconds: LEASE_SECONDS }).catch((error: TowError) => {
      if (error.code !== 'UNAVAILABLE') throw error
    })
  }
  await client.spaces.unswap({ app, environment })
  terminal.say(`The traffic for ${app} is ${environment}’s own again.`)
  return 0
}
