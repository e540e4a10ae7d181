import { TowError } from '../../../api/errors.ts'
import type { Client } from '../../../client/client.ts'
import type { Command, Options } from '../../command.ts'
import { describeGrants, grantsOf, hoursOf, ROLE_OPTIONS, textsOf } from '../../grants.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '<name>', description: 'what it is for' }],
  options: [
    ...ROLE_OPTIONS,
    {
      flags: '--expires <age>',
      description: 'days or hours, such as 30d or 12h; at most 366d (default: 90d)',
    },
    { flags: '--machine', description: 'make a machine of that name, which holds the roles itself' },
    {
      flags: '--team <team>',
      description: 'with --machine: a team to be in; may be given several times',
      many: true,
    },
    { flags: '--for <machine>', description: 'one more token of a machine that is there' },
  ],
  examples: [
    ['tow tokens add dashboard --role viewer --expires 30d', 'reads in your name for a month'],
    [
      'tow tokens add ci --machine --role operator -e stage',
      'a machine of its own, which stays when you leave',
    ],
    ['tow tokens add ci-2 --for ci', 'its next token, before the first expires'],
  ],
  async run({ terminal, json, connect }, [name], options) {
    const made = await make(await connect(), name!, options)
    if (json) return void printJson(terminal, made)
    const may = made.roles === null ? 'may all that its owner may' : describeGrants(made.roles)
    terminal.say(`${made.name}: ${may}, until ${made.expiresAt.slice(0, 10)}. It is shown this once:`)
    terminal.print(made.token)
    const of = options.machine
      ? ` --of ${name}`
      : typeof options.for === 'string'
        ? ` --of ${options.for}`
        : ''
    return void terminal.say(`Undo: tow tokens remove ${made.name}${of}`)
  },
}

async function make({ people, tokens }: Client, name: string, options: Options) {
  const grants = grantsOf(options)
  const expiresInHours = hoursOf(options.expires)
  const lasts = expiresInHours === undefined ? {} : { expiresInHours }
  const roles = grants.length === 0 ? null : grants
  if (typeof options.for === 'string') return tokens.addFor({ person: options.for, name, roles, ...lasts })
  if (options.machine !== true) return tokens.add({ name, roles, ...lasts })
  if (roles === null)
    throw new TowError('USAGE', `what may the machine ${name} do?`, {
      hint: `tow tokens add ${name} --machine --role developer -e stage`,
    })
  await people.add({ name, kind: 'machine', roles, teams: textsOf(options.team) })
  return tokens.addFor({ person: name, name, ...lasts })
}
