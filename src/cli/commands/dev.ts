import { basename, relative, resolve } from 'node:path'
import { TowError } from '../../api/errors.ts'
import type { IntoSpace } from '../../api/spaces.ts'
import type { Client } from '../../client/client.ts'
import type { Tree } from '../../trees/tree.ts'
import { type Command, ENVIRONMENT_OPTION } from '../command.ts'
import { develop } from '../dev/develop.ts'
import { envFilesOf } from '../dev/env-file.ts'
import { linkTo } from '../link.ts'
import { rememberApps } from '../places.ts'
import { findRoot } from '../source.ts'
import { sayFailure } from '../terminal/failure.ts'
import { uploadWorkingCopy } from '../working-copy.ts'

export const command: Command = {
  arguments: [{ name: '[app...]', description: 'default: the app of this folder, or all of a repository' }],
  options: [
    { flags: '--space <name>', description: 'the space (default: one with your name)' },
    ENVIRONMENT_OPTION,
    {
      flags: '--with <process>',
      description: 'this process too, beside web (several times for more)',
      many: true,
    },
    { flags: '--env-file <file>', description: 'config for the space alone (default: .env beside the app)' },
    { flags: '--debug', description: 'a debugger can attach, at a port of this machine' },
    { flags: '--once', description: 'make the workspaces equal, and leave them running' },
  ],
  examples: [
    [
      'tow dev',
      'the app of this folder runs in your space over the first environment, and follows every save',
    ],
    ['tow dev web missions', 'two apps of a repository'],
    ['tow dev --debug', 'with the address where VS Code, Chrome or another debugger attaches'],
    ['tow dev --once --space pr-7', 'for a script: equal now, and left running'],
  ],
  async run({ terminal, json, connect, connectOrStart, home, cwd, signal }, names, options) {
    const root = await findRoot(cwd)
    const client = await connectOrStart()
    const tree = await uploadWorkingCopy(client, { root, home, terminal, signal })
    const folderName = basename(root)
    const link = linkTo(client, connect)
    const detect = ({ hash }: Tree) => link.client.apps.detect({ tree: hash, folderName })
    const { apps, problems } = await detect(tree)
    for (const { file, message, hint } of problems)
      sayFailure(terminal, { message: `${file}: ${message}`, hint })
    if (problems.length > 0) throw new TowError('BAD_INPUT', 'nothing was started: mend what is named above')
    await rememberApps(home, root, apps)
    const here = relative(root, resolve(cwd))
    const chosen = choose(apps, names, here)
    const chosenNames = chosen.map(({ name }) => name)
    const space = typeof options.space === 'string' ? options.space : await ownSpace(client)
    const named = typeof options.envFile === 'string' ? resolve(cwd, options.envFile) : null
    const envFiles = envFilesOf(root, chosen, named)
    const debug = options.debug === true
    const into: IntoSpace = {
      name: space,
      with: options.with as string[],
      crons: false,
      release: false,
      fromFile: await envFiles.read(),
    }
    return develop({
      ...{ link, terminal, json, home, signal, root, folderName, tree, into },
      ...{ apps: chosen, envFiles, debug },
      detect: async (next) => choose(faultless(await detect(next)), chosenNames, here),
      ...(typeof options.env === 'string' ? { environment: options.env } : {}),
      once: options.once === true,
    })
  },
}

type Detected = Awaited<ReturnType<Client['apps']['detect']>>

/** While somebody writes them, files are wrong for a moment: that is no end of it. */
function faultless({ apps, problems }: Detected): Detected['apps'] {
  if (problems.length === 0) return apps
  const sentences = problems.map(({ file, message }) => `${file}: ${message}`)
  const [{ hint } = {}] = problems
  throw new TowError('BAD_INPUT', sentences.join('\n'), hint ? { hint } : {})
}

interface Named {
  name: string
  path: string
}

/** Those that were named, else the one whose folder this is, else all. */
function choose<App extends Named>(apps: readonly App[], names: readonly string[], here: string): App[] {
  if (names.length === 0) {
    const inside = ({ path }: App) => path !== '.' && (here === path || here.startsWith(`${path}/`))
    const own = apps.filter(inside)
    return own.length > 0 ? own : [...apps]
  }
  return names.map((name) => {
    const app = apps.find((one) => one.name === name)
    if (app) return app
    throw new TowError('NOT_FOUND', `this repository declares no app ${name}`, {
      hint: `it declares ${apps.map((one) => one.name).join(', ')}`,
    })
  })
}

/** A name that is the person's, as names of spaces may be. */
async function ownSpace(client: Client): Promise<string> {
  const { name } = await client.access.whoami()
  const letters = name
    .split('@')[0]!
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '')
  return letters.slice(0, 24).replace(/-+$/, '') || 'dev'
}
