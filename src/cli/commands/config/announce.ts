import type { Client } from '../../../client/client.ts'
import type { CommandContext } from '../../command.ts'
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
  if (result.guessedSecrets.length > 0) {
    const keys = result.guessedSecrets.join(', ')
    terminal.say(
      `Kept as ${keys.includes(',') ? 'secrets' : 'a secret'}, by the looks of it: ${keys} (--plain to say otherwise)`,
    )
  }
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
