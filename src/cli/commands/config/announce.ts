import type { Client } from '../../../client/client.ts'
import type { CommandContext } from '../../command.ts'
import { type Copy, flagsOf, placeOf } from '../../environment.ts'
import { followRollouts } from '../../follow.ts'
import { printJson } from '../../terminal/terminal.ts'

interface Announced {
  app: string
  environment: string
  result: { changed: string[]; guessedSecrets: string[]; release: number | null; rollout: string | null }
  detach: boolean
}

/** Says what a change of config did, and follows the release that it made. */
export async function announceConfig(
  context: CommandContext,
  client: Client,
  { app, environment, result, detach }: Announced,
): Promise<number> {
  const { terminal, json, signal } = context
  if (json) printJson(terminal, result)
  if (result.changed.length === 0) {
    terminal.say('Nothing changed: everything is so already.')
    return 0
  }
  sayGuessed(context, result.guessedSecrets)
  const of = `${result.changed.join(', ')} of ${app} in ${environment}`
  if (result.release === null) {
    terminal.say(`${of}: kept for its first release.`)
    return 0
  }
  terminal.say(`${of}: v${result.release}`)
  const exit =
    result.rollout && !detach ? await followRollouts(client, terminal, [result.rollout], signal) : 0
  terminal.say(`Undo: tow rollback -a ${app} -e ${environment} --with-secrets`)
  return exit
}

/** The same of what a space has for itself; its processes start anew with it. */
export async function announceForSpace(
  context: CommandContext,
  copy: Copy,
  result: { changed: string[]; guessedSecrets: string[] },
): Promise<number> {
  const { terminal, json } = context
  if (json) printJson(terminal, result)
  if (result.changed.length === 0) {
    terminal.say('Nothing changed: everything is so already.')
    return 0
  }
  sayGuessed(context, result.guessedSecrets)
  terminal.say(`${result.changed.join(', ')} of ${copy.app} in ${placeOf(copy)}: it starts anew.`)
  terminal.say(
    `Undo: tow config unset ${result.changed.join(' ')} ${flagsOf(copy)}, or set what was there before`,
  )
  return 0
}

function sayGuessed({ terminal }: CommandContext, keys: readonly string[]): void {
  if (keys.length === 0) return
  terminal.say(
    `Kept as ${keys.length > 1 ? 'secrets' : 'a secret'}, by the looks of it: ${keys.join(', ')} (--plain to say otherwise)`,
  )
}
