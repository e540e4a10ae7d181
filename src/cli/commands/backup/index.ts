import { createReadStream } from 'node:fs'
import { access, open, rename, rm } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { TowError } from '../../../api/errors.ts'
import { VERSION } from '../../../api/version.ts'
import { readBackup } from '../../../backups/file.ts'
import { progress, sayManifest } from '../../backup-summary.ts'
import type { Command } from '../../command.ts'
import { readPassphrase } from '../../passphrase.ts'
import { printJson } from '../../terminal/terminal.ts'
import { bytes } from '../../terminal/text.ts'

export const command: Command = {
  arguments: [{ name: '<file>', description: 'where to write it; must not be there yet' }],
  examples: [
    ['tow backup friday.tow', 'asks for a passphrase; everything goes on meanwhile'],
    ['TOW_BACKUP_PASSPHRASE=... tow backup /mnt/backups/$(date +%F).tow', 'from a timer'],
  ],
  async run(context, [name]) {
    const { terminal, json, connect, cwd, signal } = context
    const file = resolve(cwd, name!)
    if (await exists(file)) {
      throw new TowError('CONFLICT', `${file} is there already, and a backup is never overwritten`, {
        hint: 'give another name',
      })
    }
    const client = await connect()
    const passphrase = await readPassphrase(context, { twice: true })
    const partial = `${file}.partial`
    const line = progress(terminal)
    try {
      const response = await client.door.request('/backups', {
        method: 'POST',
        contentType: 'application/json',
        body: Buffer.from(JSON.stringify({ passphrase })),
        signal,
      })
      const size = await save(response.body!, partial, (done) => line.show(`saved ${bytes(done)}`))
      line.show('reading it once more')
      // A backup counts when it was read back.
      const reading = createReadStream(partial, { highWaterMark: 1024 * 1024 })
      const manifest = await readBackup(reading, { name: file, version: VERSION, passphrase })
      await rename(partial, file)
      await syncFolder(dirname(file))
      line.clear()
      if (json) return void printJson(terminal, { file, bytes: size, ...manifest })
      terminal.say(`${file} holds everything of this platform, ${bytes(size)}, and was read back:`)
      sayManifest(terminal, manifest)
      return void terminal.say('Keep the passphrase elsewhere: tow restore asks for it.')
    } catch (error) {
      line.clear()
      throw error
    } finally {
      await rm(partial, { force: true })
    }
  },
}

/** On disk for good when it returns the number of bytes. */
async function save(
  body: ReadableStream<Uint8Array>,
  file: string,
  tell: (done: number) => void,
): Promise<number> {
  const handle = await open(file, 'w', 0o600).catch((cause) => {
    throw unwritable(file, cause)
  })
  let done = 0
  try {
    for await (const chunk of fromPlatform(body)) {
      await handle.writeFile(chunk)
      done += chunk.length
      tell(done)
    }
    await handle.sync()
    return done
  } catch (error) {
    throw error instanceof TowError ? error : unwritable(file, error)
  } finally {
    await handle.close()
  }
}

async function* fromPlatform(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body
  } catch (cause) {
    throw new TowError('FAILED', 'the platform broke the backup off, and nothing of it was kept', {
      hint: 'tow events -n 1 tells why',
      cause,
    })
  }
}

function unwritable(file: string, cause: unknown): TowError {
  const { code } = cause as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new TowError('DISK_FULL', `no space is left for ${file}`, {
      hint: `free some space and try again: df -h ${dirname(file)}`,
      cause,
    })
  }
  return new TowError('FAILED', `${file} can’t be written (${code ?? cause})`, {
    hint: 'name a file in a folder that you can write to',
    cause,
  })
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  await handle.sync().finally(() => handle.close())
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  )
}
