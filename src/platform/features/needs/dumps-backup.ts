/** Dumps in a backup: their files as they are, since the rows that name them are in it. */
import { createWriteStream } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { TowError } from '../../../api/errors.ts'
import type { BackupPart } from '../../kernel/backup.ts'
import type { DumpRow } from './dump-store.ts'

export function dumpsPart(folder: string, list: () => Promise<DumpRow[]>): BackupPart {
  return {
    name: 'dumps',
    async open() {
      const ready = (await list()).filter(({ state }) => state === 'ready')
      // Held open: one that is removed meanwhile can be read all the same.
      const files = await Promise.all(
        ready.map(async ({ id }) => ({ id, handle: await open(join(folder, id)) })),
      )
      return {
        async *files() {
          for (const { id, handle } of files)
            yield { name: id, content: handle.createReadStream({ autoClose: false }) }
        },
        about: () => ({}),
        close: async () => void (await Promise.all(files.map(({ handle }) => handle.close()))),
      }
    },
    restore: () => ({
      check: async () => {},
      async take(file, content) {
        if (!/^[a-z0-9_]+$/.test(file)) throw new TowError('BAD_INPUT', `"${file}" is no name of a dump`)
        await mkdir(folder, { recursive: true, mode: 0o700 })
        await pipeline(content, createWriteStream(join(folder, file), { mode: 0o600, flush: true }))
      },
      finish: async () => {},
      cancel: async () => {},
    }),
  }
}
