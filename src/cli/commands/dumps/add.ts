import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { Dump } from '../../../api/dumps.ts'
import { TowError } from '../../../api/errors.ts'
import type { Client } from '../../../client/client.ts'
import { type Command, ENVIRONMENT_OPTION } from '../../command.ts'
import { chooseEnvironment } from '../../environment.ts'
import { printJson } from '../../terminal/terminal.ts'
import { bytes } from '../../terminal/text.ts'

const LOOK_MS = 300

export const command: Command = {
  arguments: [
    { name: '<name>', description: 'what it is called' },
    { name: '<app>', description: 'whose database' },
  ],
  options: [
    ENVIRONMENT_OPTION,
    {
      flags: '--file <file>',
      description: 'one that you have, made by pg_dump -Fc; - reads standard input; nothing is taken',
    },
  ],
  examples: [
    ['tow dumps add demo missions -e stage', 'takes one of its database in stage: an operator may'],
    ['tow dumps add tiny missions --file tiny.dump', 'brings a file of pg_dump -Fc'],
  ],
  async run({ terminal, json, connect, cwd, signal }, [name, app], options) {
    const client = await connect()
    const environment = await chooseEnvironment(client, options.env)
    const asked = { name: name!, app: app!, environment }
    const dump =
      typeof options.file === 'string'
        ? await bring(client, asked, options.file, cwd, signal)
        : await take(client, asked, signal)
    if (json) printJson(terminal, dump)
    if (dump.state === 'failed') throw new TowError('FAILED', dump.problem ?? `${name} failed`)
    if (json) return 0
    if (dump.state === 'taking') return void terminal.say(`${name} is being taken: tow dumps`)
    terminal.say(
      `${name} holds ${bytes(dump.bytes)}. Whoever may change ${app} may fill a space from it: tow spaces add mine --apps ${app} --from-dump ${name}`,
    )
    return void terminal.say(`Undo: tow dumps remove ${name}`)
  },
}

type Asked = { name: string; app: string; environment: string }

/** It goes on without this command, too. */
async function take(client: Client, asked: Asked, signal: AbortSignal): Promise<Dump> {
  for (let dump = await client.dumps.take(asked); ; ) {
    if (dump.state !== 'taking' || signal.aborted) return dump
    await pause(LOOK_MS, null, { signal }).catch(() => {})
    const found = (await client.dumps.list()).find(({ name }) => name === asked.name)
    if (!found) throw new TowError('NOT_FOUND', `somebody removed ${asked.name}`, { hint: 'tow events' })
    dump = found
  }
}

async function bring(client: Client, asked: Asked, file: string, cwd: string, signal: AbortSignal) {
  const handle =
    file === '-'
      ? null
      : await open(resolve(cwd, file)).catch((cause) => {
          throw new TowError('NOT_FOUND', `${file} can’t be read`, { hint: 'pg_dump -Fc writes one', cause })
        })
  const content = handle ? handle.createReadStream() : process.stdin
  const { name, app, environment } = asked
  const response = await client.door.request(`/apps/${app}/environments/${environment}/dumps/${name}`, {
    method: 'POST',
    body: Readable.toWeb(content) as ReadableStream<Uint8Array>,
    signal,
  })
  return Dump.parse(await response.json())
}
