import { resolve } from 'node:path'
import { TowError } from '../../../api/errors.ts'
import type { Command } from '../../command.ts'
import { ensureRemote } from '../../git-remote.ts'
import { findRoot } from '../../source.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [
    { name: '[folder]', description: 'default: this one, or the nearest above it with a tow.yaml' },
  ],
  examples: [['tow git remote', 'add the remote tow to this repository; then git push tow main ships']],
  async run({ terminal, json, connectOrStart, home, cwd }, [folder]) {
    const root = await findRoot(resolve(cwd, folder ?? '.'))
    const client = await connectOrStart()
    const remote = await ensureRemote({ client, url: client.url, root, home })
    if (remote.kind === 'none') {
      throw new TowError('REFUSED', `${root} is in no Git repository`, { hint: 'git init -b main' })
    }
    if (remote.kind === 'foreign') {
      throw new TowError('CONFLICT', `the remote tow is somebody else’s: ${remote.url}`, {
        hint: 'git remote rename tow <another name>, then tow git remote',
      })
    }
    if (json) printJson(terminal, { name: 'tow', url: remote.url })
    else terminal.print(`tow  ${remote.url}`)
    return 0
  },
}
