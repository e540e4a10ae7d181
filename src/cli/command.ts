/**
 * What a command is: data about itself, and a function. The folder tree under commands/ is the command tree; a file
 * is loaded only when its command is called. No rule of the domain lives here: commands ask the platform.
 */
import type { Client } from '../client/client.ts'
import type { Terminal } from './terminal/terminal.ts'

export interface Option {
  /** As commander reads it: `-a, --app <name>`. */
  flags: string
  description: string
  default?: string | boolean | number
  /** May be given several times. */
  many?: boolean
}

export interface CommandContext {
  terminal: Terminal
  cwd: string
  env: NodeJS.ProcessEnv
  home: string
  /** Holds what this person said about platforms elsewhere. */
  configHome: string
  /** Aborted by the first Ctrl-C. */
  signal: AbortSignal
  json: boolean
  /** A client of the running platform; UNAVAILABLE with the mending command when none runs. */
  connect(): Promise<Client>
  /** The same, but starts the platform in the background where none runs. */
  connectOrStart(): Promise<Client>
  /** Where the platform is reached from elsewhere; null where it listens on this machine alone, or nobody knows. */
  publicUrl(): Promise<string | null>
}

export type Options = Record<string, unknown>

export interface Command {
  /** `<app>`, `[version]`, `<key...>` as commander reads them. */
  arguments?: { name: string; description: string }[]
  options?: Option[]
  /** Shown under `--help`: what one would type, and what it does. */
  examples: [command: string, meaning: string][]
  /** Everything after the first argument belongs to it, options included (`tow run ls -l`). */
  passThrough?: boolean
  run(context: CommandContext, args: string[], options: Options): Promise<number | undefined>
}

export const APP_OPTION: Option = {
  flags: '-a, --app <name>',
  description: 'the app (default: the one shipped from this folder)',
}
export const ENVIRONMENT_OPTION: Option = {
  flags: '-e, --env <name>',
  description: 'the environment (default: the first of the pipeline)',
}
export const SPACE_OPTION: Option = {
  flags: '--space <name>',
  description: 'the app’s copy in this space, instead of the environment’s own',
}
