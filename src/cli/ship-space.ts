/** `tow ship --space`: what is said about the space, and what is told once everything in it is live. */
import { basename } from 'node:path'
import { TowError } from '../api/errors.ts'
import type { Ship } from '../api/ships.ts'
import type { IntoSpace } from '../api/spaces.ts'
import type { Client } from '../client/client.ts'
import type { Option, Options } from './command.ts'
import { git } from './source.ts'
import { hoursOf, linksOf, printLinks, sayOff } from './spaces.ts'
import type { Terminal } from './terminal/terminal.ts'

export const SPACE_OPTIONS: Option[] = [
  { flags: '--space <name>', description: 'into this space over the environment; made where there is none' },
  {
    flags: '--with <process>',
    description: 'in a space: this process too (several times for more)',
    many: true,
  },
  { flags: '--crons', description: 'in a space: crons too' },
  { flags: '--release', description: 'in a space: run the release command, on the environment’s database' },
  {
    flags: '--own-databases',
    description: 'in a space: each app that needs postgres gets a database of its own',
  },
  { flags: '--expires <time>', description: 'in a space: how long it lasts unused, like 12h, 3d or 1w' },
  {
    flags: '--branch <name>',
    description: 'in a space: it goes when this branch is deleted by git push tow',
  },
  { flags: '--webhook <url>', description: 'in a space: told once it is live, with links' },
  { flags: '--banner', description: 'in a space: pages show what is being looked at' },
  { flags: '--no-banner', description: 'in a space: pages stay as they are' },
]

interface Asked {
  client: Client
  root: string
  options: Options
}

/** Null where nothing is said of a space. */
export async function intoSpace({ client, root, options }: Asked): Promise<IntoSpace | null> {
  const { space: name, branch, webhook, expires, banner } = options
  if (typeof name !== 'string') {
    const lost = SPACE_OPTIONS.map(({ flags }) => flags.split(' ')[0]!).find((flag) => isGiven(options, flag))
    if (lost) throw new TowError('USAGE', `${lost} is for a space`, { hint: `tow ship --space mine ${lost}` })
    return null
  }
  return {
    name,
    with: options.with as string[],
    crons: options.crons === true,
    release: options.release === true,
    ownDatabases: options.ownDatabases === true,
    ...(typeof expires === 'string' ? { expiresInHours: hoursOf(expires, '--expires') } : {}),
    ...(typeof branch === 'string'
      ? { branch: { name: branch, repository: await repositoryOf(client, root) } }
      : {}),
    ...(typeof webhook === 'string' ? { webhook } : {}),
    ...(typeof banner === 'boolean' ? { banner } : {}),
  }
}

function isGiven(options: Options, flag: string): boolean {
  const name = flag.replace(/^--(?:no-)?/, '').replace(/-([a-z])/g, (_, letter) => letter.toUpperCase())
  const value = options[name]
  return Array.isArray(value) ? value.length > 0 : value !== undefined
}

/** The repository of the platform to which this folder is pushed. */
async function repositoryOf(client: Client, root: string): Promise<string> {
  const prefix = (await git(root, 'rev-parse', '--show-prefix')) ?? ''
  const folder = prefix.replace(/\/$/, '') || '.'
  return (await client.git.connect({ folderName: basename(root), folder })).name
}

/** Links on standard output, and what does not run, with the reason. */
export async function sayLive(client: Client, terminal: Terminal, ship: Ship): Promise<void> {
  const name = ship.space!
  const shipped = ship.apps.map(({ app }) => app)
  sayOff(terminal, await client.spaces.get({ space: name }), shipped)
  const links = await linksOf(client, name)
  printLinks(
    terminal,
    links.filter(({ app, own }) => own && shipped.includes(app)),
  )
  const others = links.filter(({ own }) => !own).length
  if (others > 0) terminal.say(`The other apps of ${ship.environment}, through it: tow spaces show ${name}`)
  terminal.say(`Undo: tow spaces remove ${name}`)
}
