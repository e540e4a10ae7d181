/** The passphrase of a backup: from the environment of a script, or asked for without showing it. */
import { LEAST_PASSPHRASE } from '../api/backups.ts'
import { TowError } from '../api/errors.ts'
import type { CommandContext } from './command.ts'

const VARIABLE = 'TOW_BACKUP_PASSPHRASE'

/** `twice`: for a new backup, which nobody could open after a slip of the finger. */
export async function readPassphrase(
  { env, terminal }: Pick<CommandContext, 'env' | 'terminal'>,
  { twice = false }: { twice?: boolean } = {},
): Promise<string> {
  const given = env[VARIABLE]
  if (given !== undefined) {
    if (twice && given.length < LEAST_PASSPHRASE) {
      throw new TowError('USAGE', `${VARIABLE} has fewer than ${LEAST_PASSPHRASE} characters`)
    }
    return given
  }
  if (!terminal.interactive) {
    throw new TowError('USAGE', 'a backup is sealed with a passphrase, and there is nobody to ask for it', {
      hint: `set ${VARIABLE}`,
    })
  }
  const first = await ask('Passphrase of the backup (without it nobody can read it):')
  if (twice && (await ask('Once more:')) !== first) {
    throw new TowError('USAGE', 'the two passphrases differ', { hint: 'try again' })
  }
  return first
}

async function ask(message: string): Promise<string> {
  const { isCancel, password } = await import('@clack/prompts')
  const answer = await password({
    message,
    validate: (text) =>
      (text ?? '').length < LEAST_PASSPHRASE ? `at least ${LEAST_PASSPHRASE} characters` : undefined,
  })
  if (isCancel(answer)) throw new TowError('CANCELLED', 'Nothing was done.')
  return answer
}
