/** Every sentence in which a backup is refused. */
import { TowError } from '../api/errors.ts'

export const refusals = {
  noBackup: (file: string) => new TowError('BAD_INPUT', `${file} is not a backup made by tow backup`),
  newer: (file: string, madeBy: string, version: string) =>
    new TowError(
      'REFUSED',
      `${file} was made by Towpath ${madeBy}, which this version, ${version}, can’t read`,
      {
        hint: `install Towpath ${madeBy} or newer, and try again`,
      },
    ),
  wrongPassphrase: (file: string) =>
    new TowError('BAD_INPUT', `the passphrase is not the one that ${file} was sealed with`, {
      hint: 'try again; without the passphrase nobody can read a backup',
    }),
  damaged: (file: string, at: number) =>
    new TowError('FAILED', `${file} was changed or damaged after it was made, near byte ${at}`, {
      hint: 'take another backup: tow backup verify <file> tells whether one is whole',
    }),
  cutOff: (file: string, bytes: number) =>
    new TowError('FAILED', `${file} ends too early, after ${bytes} bytes: it was cut off or damaged`, {
      hint: 'copy it again from where it was made; tow backup verify <file> tells whether it is whole',
    }),
  unlike: (file: string, part: string) =>
    new TowError('FAILED', `${file} holds other ${part} than its own list says`, {
      hint: 'take another backup: tow backup verify <file> tells whether one is whole',
    }),
  unreadable: (file: string, cause: unknown) =>
    new TowError('NOT_FOUND', `${file} can’t be read (${(cause as NodeJS.ErrnoException).code ?? cause})`, {
      cause,
    }),
}
