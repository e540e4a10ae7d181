import { createReadStream } from 'node:fs'
import { access } from 'node:fs/promises'
import { resolve } from 'node:path'
import { VERSION } from '../../../api/version.ts'
import { readBackup } from '../../../backups/file.ts'
import { refusals } from '../../../backups/messages.ts'
import { progress, sayManifest } from '../../backup-summary.ts'
import type { Command } from '../../command.ts'
import { readPassphrase } from '../../passphrase.ts'
import { printJson } from '../../terminal/terminal.ts'
import { bytes } from '../../terminal/text.ts'

export const command: Command = {
  arguments: [{ name: '<file>', description: 'a backup' }],
  examples: [
    [
      'tow backup verify friday.tow',
      'reads all of it; needs no platform; exits with 1 where it is not whole',
    ],
  ],
  async run(context, [name]) {
    const { terminal, json, cwd } = context
    const file = resolve(cwd, name!)
    await access(file).catch((error) => {
      throw refusals.unreadable(file, error)
    })
    const passphrase = await readPassphrase(context)
    const line = progress(terminal)
    let done = 0
    async function* reading() {
      for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) {
        done += chunk.length
        line.show(`read ${bytes(done)}`)
        yield chunk as Uint8Array
      }
    }
    const manifest = await readBackup(reading(), { name: file, version: VERSION, passphrase }).finally(
      line.clear,
    )
    if (json) return void printJson(terminal, { file, bytes: done, ...manifest })
    terminal.say(`${file} is whole: made by Towpath ${manifest.madeBy} at ${manifest.madeAt}, ${bytes(done)}`)
    return void sayManifest(terminal, manifest)
  },
}
