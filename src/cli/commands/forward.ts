import { once } from 'node:events'
import { TowError } from '../../api/errors.ts'
import type { ForwardPort } from '../../api/processes.ts'
import { type Command, ENVIRONMENT_OPTION, SPACE_OPTION } from '../command.ts'
import { type Copy, chooseCopy, placeOf } from '../environment.ts'
import { startForwarding } from '../forwarding.ts'
import { linkTo } from '../link.ts'
import type { StreamPath } from '../stream.ts'

const DATABASE = 'postgres'
/** Tried first where nothing names one. */
const PREFERRED = { given: 8080, debug: 9229, [DATABASE]: 5432 }

export const command: Command = {
  arguments: [
    {
      name: '[app[:port]]',
      description: 'default: the app of this folder, and the port that it listens on; postgres: its database',
    },
  ],
  options: [
    ENVIRONMENT_OPTION,
    SPACE_OPTION,
    { flags: '-p, --process <name>', description: 'the process', default: 'web' },
    { flags: '--local <port>', description: 'the port on this machine (default: the same, or a free one)' },
  ],
  examples: [
    ['tow forward missions', 'a port of this machine that leads to missions in stage, past its routes'],
    ['tow forward missions:9100 -p worker', 'to port 9100 of its worker'],
    ['tow forward missions:postgres -e prod --local 5433', 'to its database'],
    ['tow forward missions --space mine', 'to the copy in the space mine'],
  ],
  async run({ terminal, json, connect, home, cwd, signal }, [what = ''], options) {
    const [name, port = 'given'] = what.split(':')
    const link = linkTo(await connect(), connect)
    const copy = await chooseCopy(link.client, { home, cwd }, { ...options, app: name || undefined })
    const local = typeof options.local === 'string' ? portOf(options.local) : undefined
    const way =
      port === DATABASE
        ? await toDatabase(link.client, copy)
        : await toProcess(link.client, copy, String(options.process), readPort(port))
    const listening = await startForwarding({ link, local, signal, say: terminal.say, ...way })
    const address = `127.0.0.1:${listening}`
    if (json) terminal.print(JSON.stringify({ type: 'ready', address, port: listening, ...copy }))
    else {
      terminal.say(`${address} leads to ${way.name} in ${placeOf(copy)}. Ctrl-C ends it.`)
      if (way.hint) terminal.say(terminal.tint('dim', way.hint(listening)))
      terminal.print(address)
    }
    if (!signal.aborted) await once(signal, 'abort')
    return 130
  },
}

type Client = Awaited<ReturnType<Parameters<Command['run']>[0]['connect']>>

interface Way {
  path: StreamPath
  name: string
  preferred: number
  hint?(port: number): string
}

async function toProcess(client: Client, copy: Copy, process: string, port: ForwardPort): Promise<Way> {
  const { app, environment, space } = copy
  await client.processes.forward({ ...copy, process, port })
  const base =
    space === undefined
      ? (`/apps/${app}/environments/${environment}` as const)
      : (`/spaces/${space}/apps/${app}` as const)
  return {
    path: `${base}/processes/${process}/ports/${port}/stream`,
    name: typeof port === 'number' ? `port ${port} of ${process} of ${app}` : `${process} of ${app}`,
    preferred: typeof port === 'number' ? port : PREFERRED[port],
  }
}

async function toDatabase(client: Client, copy: Copy): Promise<Way> {
  const { app, environment, space } = copy
  const url = new URL((await client.needs.connect(copy)).url)
  const where = space === undefined ? `${app} -e ${environment}` : `${app} --space ${space}`
  return {
    path: `/apps/${app}/environments/${environment}/needs/${DATABASE}/stream`,
    name: `the database of ${app}`,
    preferred: PREFERRED[DATABASE],
    hint: (port) =>
      `psql -h 127.0.0.1 -p ${port} -U ${url.username} ${url.pathname.slice(1)}, with the password that tow psql --url ${where} shows`,
  }
}

function readPort(text: string): ForwardPort {
  return text === 'given' || text === 'debug' ? text : portOf(text)
}

function portOf(text: string): number {
  const port = Number(text)
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port
  throw new TowError('USAGE', `${text} is no port`, { hint: 'a number from 1 to 65535, or postgres' })
}
