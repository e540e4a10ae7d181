import { existsSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { TowError } from '../../api/errors.ts'
import type { Ship } from '../../api/ships.ts'
import type { Client } from '../../client/client.ts'
import { type Command, ENVIRONMENT_OPTION } from '../command.ts'
import { followShip } from '../follow-ship.ts'
import { ensureRemote } from '../git-remote.ts'
import { wholeNumber } from '../help.ts'
import { rememberApps } from '../places.ts'
import { intoSpace, SPACE_OPTIONS, sayLive } from '../ship-space.ts'
import { describeOrigin, findRoot } from '../source.ts'
import { sayFailure } from '../terminal/failure.ts'
import { printJson, type Terminal } from '../terminal/terminal.ts'
import { uploadNothing, uploadWorkingCopy } from '../working-copy.ts'

export const command: Command = {
  arguments: [
    { name: '[folder]', description: 'default: this one, or the nearest above it with a tow.yaml' },
  ],
  options: [
    { flags: '-a, --app <name>', description: 'only this app (several times for more)', many: true },
    ENVIRONMENT_OPTION,
    {
      flags: '--image <reference>',
      description: 'an image that was made elsewhere, pinned to its digest; nothing is built',
    },
    {
      flags: '--port <port>',
      description: 'with --image: where it listens; default: the port that it exposes, else $PORT',
    },
    { flags: '--queue', description: 'wait for a rollout under way instead of replacing it' },
    { flags: '--rebuild', description: 'build again even where the same inputs were built before' },
    { flags: '--detach', description: 'do not wait' },
    ...SPACE_OPTIONS,
  ],
  examples: [
    ['tow ship', 'everything this folder declares, to the first environment'],
    ['tow ship --image ghcr.io/team/shop:1.4 -e live', 'an image, to an environment on Kubernetes'],
    ['tow ship services/missions -a missions', 'one app of several'],
    ['tow ship --space mine', 'into a space of your own: stage stays as it is, and the rest of it is there'],
    ['tow ship --space pr-123 --branch fix-map --expires 3d', 'from CI: a link for whoever reviews it'],
  ],
  async run({ terminal, json, connectOrStart, home, cwd, signal }, [folder], options) {
    const image = imageOf(options)
    const connecting = connectOrStart()
    // Whoever waits for it below is told.
    connecting.catch(() => {})
    const root = await findRoot(resolve(cwd, folder ?? '.'))
    const place = { root, home, terminal, signal }
    // Of what an image was made from nothing is known: the folder only says how to run it, where it does.
    const [{ hash: tree }, origin] = image
      ? [
          await (existsSync(join(root, 'tow.yaml'))
            ? uploadWorkingCopy(connecting, place)
            : uploadNothing(await connecting)),
          {},
        ]
      : await Promise.all([uploadWorkingCopy(connecting, place), describeOrigin(root)])
    const client = await connecting
    const folderName = basename(root)
    const detected = await client.apps.detect({ tree, folderName })
    for (const { file, line, column, message, hint } of detected.problems) {
      const place = line === undefined ? file : `${file}:${line}${column === undefined ? '' : `:${column}`}`
      sayFailure(terminal, { message: `${place}: ${message}`, hint })
    }
    if (detected.problems.length > 0)
      throw new TowError('BAD_INPUT', 'nothing was shipped: mend what is named above')
    const apps = options.app as string[]
    const space = await intoSpace({ client, root, options })
    const ship = await client.ships.start({
      tree,
      folderName,
      origin,
      ...(image ? { image } : {}),
      ...(apps.length > 0 ? { apps } : {}),
      ...(typeof options.env === 'string' ? { environment: options.env } : {}),
      ...(space ? { space } : {}),
      whenBusy: options.queue ? 'queue' : 'supersede',
      rebuild: options.rebuild === true,
    })
    if (!image) {
      await rememberApps(home, root, detected.apps)
      await addRemote({ client, root, home, terminal })
    }
    if (options.detach) {
      if (json) printJson(terminal, ship)
      else
        terminal.say(
          space
            ? `Shipping ${names(ship)} into ${space.name} over ${ship.environment}; tow spaces show ${space.name} shows how it goes.`
            : `Shipping ${names(ship)} to ${ship.environment}; tow rollout shows how it goes.`,
        )
      return 0
    }
    const exit = await followShip({ client, terminal, ship, json, signal })
    if (space && exit === 0 && !json) await sayLive(client, terminal, ship)
    return exit
  },
}

function imageOf({ image, port }: Record<string, unknown>): { reference: string; port?: number } | null {
  if (typeof image === 'string')
    return { reference: image, ...(port === undefined ? {} : { port: wholeNumber(String(port), '--port') }) }
  if (port === undefined) return null
  throw new TowError('BAD_INPUT', '--port says where an image listens, and no --image is named', {
    hint: 'apps that are built listen on $PORT',
  })
}

const names = ({ apps }: Ship): string => apps.map(({ app }) => app).join(', ')

/** A convenience: whatever goes wrong with it is said, and the delivery goes on. */
async function addRemote(place: {
  client: Client
  root: string
  home: string
  terminal: Terminal
}): Promise<void> {
  const { terminal } = place
  try {
    const remote = await ensureRemote({ ...place, url: place.client.url })
    if (remote.kind === 'added') {
      terminal.say(
        terminal.tint('dim', 'added the remote tow: git push tow main ships what changed, from now on'),
      )
    }
    if (remote.kind === 'moved') terminal.say(terminal.tint('dim', `the remote tow is now ${remote.url}`))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    terminal.say(terminal.tint('yellow', `the remote tow was not added: ${reason}`))
  }
}
