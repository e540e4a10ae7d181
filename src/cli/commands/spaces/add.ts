import { setTimeout as pause } from 'node:timers/promises'
import { TowError } from '../../../api/errors.ts'
import type { SpaceApp } from '../../../api/spaces.ts'
import type { Client } from '../../../client/client.ts'
import { type Command, ENVIRONMENT_OPTION } from '../../command.ts'
import { chooseEnvironment } from '../../environment.ts'
import { hoursOf, linksOf, printLinks, sayOff } from '../../spaces.ts'
import { createBoard } from '../../terminal/board.ts'
import { sayFailure } from '../../terminal/failure.ts'
import { printJson, type Terminal } from '../../terminal/terminal.ts'

const LOOK_MS = 500

export const command: Command = {
  arguments: [{ name: '<space>', description: 'its name; made where there is none' }],
  options: [
    { flags: '--apps <names>', description: 'apps to copy as they run below, with commas between' },
    ENVIRONMENT_OPTION,
    {
      flags: '--full',
      description: 'in a namespace of its own on Kubernetes, with databases of its own (only a new space)',
    },
    { flags: '--own-databases', description: 'each that needs postgres gets a database of its own, empty' },
    {
      flags: '--from-dump <name>',
      description: 'with this in the database of its app (several times for more)',
      many: true,
    },
    { flags: '--with <process>', description: 'this process too (several times for more)', many: true },
    { flags: '--crons', description: 'crons too' },
    { flags: '--expires <time>', description: 'how long it lasts unused, like 12h, 3d or 1w' },
    { flags: '--detach', description: 'do not wait' },
  ],
  examples: [
    ['tow spaces add mine --apps missions,reports', 'both as they are live in the first environment'],
    ['tow spaces add mine --apps missions --own-databases', 'with an empty database of its own'],
    ['tow spaces add mine --apps missions,reports --full', 'apart from everybody: namespace and databases'],
    ['tow spaces add mine --apps missions --from-dump demo', 'with what is in the dump demo: tow dumps'],
  ],
  async run({ terminal, json, connect, signal }, [space], options) {
    const apps = typeof options.apps === 'string' ? options.apps.split(',').filter(Boolean) : []
    if (apps.length === 0)
      throw new TowError('USAGE', 'say which apps are copied', {
        hint: `tow spaces add ${space} --apps missions,reports`,
      })
    const client = await connect()
    const environment = await chooseEnvironment(client, options.env)
    const asked = await client.spaces.add({
      ...{ space: space!, environment, apps },
      ...{ full: options.full === true, ownDatabases: options.ownDatabases === true },
      dumps: (options.fromDump as string[] | undefined) ?? [],
      with: (options.with as string[] | undefined) ?? [],
      crons: options.crons === true,
      ...(typeof options.expires === 'string'
        ? { expiresInHours: hoursOf(options.expires, '--expires') }
        : {}),
    })
    if (options.detach) {
      if (json) return void printJson(terminal, asked)
      return void terminal.say(`${apps.join(', ')} in ${space}: starting. tow spaces show ${space}`)
    }
    const sets = asked.apps.map(({ set }) => set)
    const rows = await follow({ client, terminal, signal, space: space!, sets })
    if (json) printJson(terminal, await client.spaces.get({ space: space! }))
    if (signal.aborted) {
      terminal.say(`It goes on: tow spaces show ${space}`)
      return 130
    }
    const failed = rows.filter(({ state }) => state === 'failed')
    for (const { app, message, hint, lastLines } of failed)
      sayFailure(terminal, { message: `${app}: ${message}`, hint: hint ?? undefined, lastLines })
    if (json || failed.length > 0) return failed.length > 0 ? 1 : 0
    const added = await client.spaces.get({ space: space! })
    if (added.place) terminal.say(`${space} is in ${added.place}`)
    for (const { app, ownDatabase } of rows) {
      if (ownDatabase)
        terminal.say(
          `${app} has a database of its own${ownDatabase.dump ? `, from ${ownDatabase.dump}` : ''}: tow psql --space ${space} ${app}`,
        )
    }
    sayOff(terminal, added, apps)
    const links = await linksOf(client, space!)
    printLinks(
      terminal,
      links.filter(({ app, own }) => own && apps.includes(app)),
    )
    return void terminal.say(`Undo: tow spaces remove ${space} ${apps.join(' ')}`)
  },
}

interface Followed {
  client: Client
  terminal: Terminal
  signal: AbortSignal
  space: string
  sets: string[]
}

/** Until none of them starts any more; what another took the place of counts as over. */
async function follow({ client, terminal, signal, space, sets }: Followed): Promise<SpaceApp[]> {
  const board = createBoard(terminal)
  try {
    for (;;) {
      const rows = (await client.spaces.get({ space })).apps.filter(({ set }) => sets.includes(set))
      for (const { app, state, message, set } of rows) {
        const mark = state === 'starting' ? 'running' : state === 'failed' ? 'failed' : 'done'
        board.set(app, mark, state === 'live' ? `live ${set}` : message)
      }
      if (signal.aborted || rows.every(({ state }) => state !== 'starting')) return rows
      await pause(LOOK_MS, null, { signal }).catch(() => {})
    }
  } finally {
    board.close()
  }
}
