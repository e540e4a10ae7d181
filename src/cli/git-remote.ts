/** The remote `tow` of a person's repository, and the helper that hands the token to Git for its address alone. */
import { execFile } from 'node:child_process'
import { basename } from 'node:path'
import { promisify } from 'node:util'
import { TowError } from '../api/errors.ts'
import type { Client } from '../client/client.ts'
import { git } from './source.ts'

const execute = promisify(execFile)

export interface RemoteOptions {
  client: Client
  /** `http://127.0.0.1:7370`, where the platform answers now. */
  url: string
  /** The folder that holds the apps. */
  root: string
  home: string
}

export type RemoteState = { kind: 'none' } | { kind: 'kept' | 'added' | 'moved' | 'foreign'; url: string }

const REMOTE = 'tow'
/** An address that an earlier `tow` set; only the port may have changed since. */
const OURS = /^http:\/\/(?:127\.0\.0\.1|localhost)(?::\d+)?(\/git\/[a-z][a-z0-9-]*\.git)$/

/** Makes the remote where there is none, and lets one that `tow` made follow the platform to another port. */
export async function ensureRemote({ client, url, root, home }: RemoteOptions): Promise<RemoteState> {
  const top = await git(root, 'rev-parse', '--show-toplevel')
  if (top === null) return { kind: 'none' }
  const present = await git(root, 'config', '--get', `remote.${REMOTE}.url`)
  if (present === null) {
    const prefix = (await git(root, 'rev-parse', '--show-prefix')) ?? ''
    const folder = prefix.replace(/\/$/, '') || '.'
    const { path } = await client.git.connect({ folderName: basename(root), folder })
    await mustGit(root, 'remote', 'add', REMOTE, url + path)
    await setHelper(root, url + path, home)
    return { kind: 'added', url: url + path }
  }
  const path = OURS.exec(present)?.[1]
  if (path === undefined) return { kind: 'foreign', url: present }
  const helped = await git(root, 'config', '--local', '--get-all', `credential.${present}.helper`)
  if (present === url + path) {
    // Also where `tow` itself has moved since, as it does when npx fetches it anew.
    if (helped !== helperCommand(home)) await setHelper(root, present, home)
    return { kind: 'kept', url: present }
  }
  await mustGit(root, 'remote', 'set-url', REMOTE, url + path)
  if (helped !== null) await mustGit(root, 'config', '--local', '--remove-section', `credential.${present}`)
  await setHelper(root, url + path, home)
  return { kind: 'moved', url: url + path }
}

/** The empty helper comes first: it keeps helpers of the whole machine from being told the token. */
async function setHelper(root: string, url: string, home: string): Promise<void> {
  const key = `credential.${url}.helper`
  await mustGit(root, 'config', '--local', '--replace-all', key, '')
  await mustGit(root, 'config', '--local', '--add', key, helperCommand(home))
}

function helperCommand(home: string): string {
  const tow = [process.execPath, process.argv[1]!].map(quote).join(' ')
  return `!${tow} git credential --home ${quote(home)}`
}

const quote = (word: string) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)

async function mustGit(folder: string, ...parameters: string[]): Promise<void> {
  try {
    await execute('git', ['-C', folder, ...parameters])
  } catch (cause) {
    const { stderr } = cause as { stderr?: string }
    const reason = stderr?.trim().split('\n')[0] ?? 'it could not be started'
    throw new TowError('FAILED', `git ${parameters.slice(0, 2).join(' ')} failed: ${reason}`, { cause })
  }
}
