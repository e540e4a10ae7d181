import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { access } from 'node:fs/promises'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { TowError } from '../../api/errors.ts'
import type { Manifest } from '../../backups/file.ts'
import { refusals } from '../../backups/messages.ts'
import { progress, sayManifest } from '../backup-summary.ts'
import type { Command } from '../command.ts'
import { readPassphrase } from '../passphrase.ts'
import { platformEntry } from '../platform/entry.ts'
import { printJson } from '../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '<file>', description: 'made by tow backup' }],
  examples: [
    ['tow restore friday.tow', 'on a new machine; then tow up'],
    ['TOW_HOME=/srv/tow tow restore friday.tow', 'into another home, which must be empty'],
  ],
  async run(context, [name]) {
    const { terminal, json, home, env, cwd, signal } = context
    const file = resolve(cwd, name!)
    await access(file).catch((error) => {
      throw refusals.unreadable(file, error)
    })
    const passphrase = await readPassphrase(context)
    const line = progress(terminal)
    mkdirSync(home, { recursive: true })
    // Only a platform knows how its data lies: it restores, and ends.
    const child = spawn(process.execPath, [...platformEntry(), '--home', home, '--restore', file], {
      env,
      cwd: home,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    signal.addEventListener('abort', () => child.kill('SIGTERM'))
    child.stdin.on('error', () => {}).end(passphrase)
    const manifest = await result(child, (done, all) =>
      line.show(`${done < all / 2 ? 'verifying' : 'restoring'}: ${Math.floor((done / all) * 100)} %`),
    ).finally(line.clear)
    if (json) return void printJson(terminal, { home, ...manifest })
    terminal.say(`${home} holds what ${file} held at ${manifest.madeAt}:`)
    sayManifest(terminal, manifest)
    return void terminal.say('tow up starts it, and apps come up as they were.')
  },
}

async function result(child: ChildProcess, tell: (done: number, all: number) => void): Promise<Manifest> {
  let manifest: Manifest | null = null
  let said = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  createInterface({ input: child.stdout! }).on('line', (text) => {
    const news = JSON.parse(text) as { done?: number; all?: number; manifest?: Manifest }
    if (news.manifest) manifest = news.manifest
    else tell(news.done ?? 0, news.all ?? 1)
  })
  const exit = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  if (exit === 0 && manifest) return manifest
  const [message = '', ...hint] = said.trim().split('\n')
  throw new TowError('FAILED', message || 'the restore was ended before it was finished', {
    hint: hint.join('\n') || (message ? undefined : 'run the same command again: it begins anew'),
  })
}
