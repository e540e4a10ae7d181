/** Keys in a backup: a backup without them could not be read, one that is not sealed must not have them. */
import { TowError } from '../../../api/errors.ts'
import { type BackupPart, textOf } from '../../kernel/backup.ts'
import { isKeyId, type Keyring } from './keyring.ts'

export function keysPart(keyring: Keyring): BackupPart {
  return {
    name: 'keys',
    async open() {
      return {
        async *files() {
          for (const [id, key] of await keyring.all())
            yield { name: id, content: [Buffer.from(key.toString('base64'))] }
        },
        about: () => ({}),
        close: async () => {},
      }
    },
    restore: () => ({
      check: async () => {},
      async take(id, content) {
        if (!isKeyId(id)) throw new TowError('BAD_INPUT', `"${id}" is no name of a key`)
        await keyring.put(id, Buffer.from(await textOf(content), 'base64'))
      },
      finish: async () => {},
      cancel: async () => {},
    }),
  }
}
