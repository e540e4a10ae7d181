import type { Client } from '../client/client.ts'
import type { CommandContext, Options } from './command.ts'
import { chooseApp } from './places.ts'

/** The environment that `-e` names, else the first of the pipeline. */
export async function chooseEnvironment(client: Client, named: unknown): Promise<string> {
  if (typeof named === 'string') return named
  const { environments } = await client.pipelines.get()
  return environments[0]!
}

/** An app where it runs: in an environment, or in the space over one that `--space` names. */
export interface Copy {
  app: string
  environment: string
  space?: string
}

/** The app of `-a` or of this folder, in the environment of `-e`, or in the space of `--space`. */
export async function chooseCopy(
  client: Client,
  { home, cwd }: Pick<CommandContext, 'home' | 'cwd'>,
  options: Options,
): Promise<Copy> {
  const app = await chooseApp(home, cwd, options.app)
  if (typeof options.space !== 'string')
    return { app, environment: await chooseEnvironment(client, options.env) }
  const { space } = options
  // Where somebody says both, the platform says whether they fit.
  const environment =
    typeof options.env === 'string' ? options.env : (await client.spaces.get({ space })).environment
  return { app, environment, space }
}

/** `in stage`, or `in mine over stage`. */
export const placeOf = ({ environment, space }: Copy): string =>
  space === undefined ? environment : `${space} over ${environment}`

/** What names it again on a command line. */
export const flagsOf = ({ app, environment, space }: Copy): string =>
  space === undefined ? `-a ${app} -e ${environment}` : `-a ${app} --space ${space}`

/** `v12`, or `mine.3` in a space. */
export const versionOf = ({ space }: Pick<Copy, 'space'>, release: number): string =>
  space === undefined ? `v${release}` : `${space}.${release}`
