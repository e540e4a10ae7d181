/** The data folder: made whole or not at all, and never opened by programs of another major version. */
import { type SpawnOptions, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { TowError } from '../../../api/errors.ts'
import { firstClosedFolder, type PostgresBinaries } from './binaries.ts'

/** Who runs the server: PostgreSQL refuses to run as root. `undefined` for an ordinary user. */
export type RunAs = { uid: number; gid: number } | undefined

/** As root the server runs as `nobody`; everyone else runs it themselves. */
export async function serverUser(): Promise<RunAs> {
  if (process.getuid?.() !== 0) return undefined
  const accounts = await readFile('/etc/passwd', 'utf8').catch(() => '')
  const nobody = /^nobody:[^:]*:(-?\d+):(-?\d+):/m.exec(accounts)
  return { uid: Number(nobody?.[1] ?? 65_534), gid: Number(nobody?.[2] ?? 65_534) }
}

/** Makes `folder` and sees to it that the server's user gets there. */
export async function openFolder(folder: string, user: RunAs): Promise<void> {
  await mkdir(folder, { recursive: true, mode: user ? 0o711 : 0o700 })
  if (!user) return
  await chmod(folder, 0o711)
  const closed = await firstClosedFolder(user.uid, folder)
  if (!closed) return
  if (closed === dirname(folder)) {
    await chmod(closed, 0o711)
    if (!(await firstClosedFolder(user.uid, folder))) return
  }
  throw new TowError(
    'REFUSED',
    `PostgreSQL does not run as root, and the user it runs as (uid ${user.uid}) can't enter ${closed}`,
    { hint: `chmod o+x ${closed}, or set TOW_HOME to a folder that others can enter` },
  )
}

/** A folder that only the server's user (and root) can enter. */
export async function ownedFolder(folder: string, user: RunAs): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  if (user) await chown(folder, user.uid, user.gid)
  await chmod(folder, 0o700)
}

/** Data that came as files: all of it becomes the server's own. */
export async function giveData(data: string, user: RunAs): Promise<void> {
  await ownedFolder(data, user)
  if (!user) return
  for (const entry of await readdir(data, { recursive: true, withFileTypes: true })) {
    await chown(join(entry.parentPath, entry.name), user.uid, user.gid)
  }
}

export interface ClusterInput {
  folder: string
  data: string
  binaries: PostgresBinaries
  user: RunAs
  /** Used when the data folder is made; default: made up. */
  password?: string | undefined
}

/** Makes the data folder where there is none. Answers with the superuser's password. */
export async function ensureCluster(input: ClusterInput): Promise<string> {
  const passwordFile = join(input.folder, 'password')
  const version = await readIfThere(join(input.data, 'PG_VERSION'))
  const password = await readIfThere(passwordFile)
  if (version === null) {
    const made = password ?? input.password ?? randomBytes(24).toString('base64url')
    if (password === null) await writePassword(input.folder, made)
    await initialize(input, made)
    return made
  }
  if (Number(version) !== input.binaries.major) {
    throw new TowError(
      'REFUSED',
      `the data in ${input.data} was written by PostgreSQL ${version}, and the PostgreSQL installed here is ${input.binaries.major}`,
      {
        hint: `install the version of towpath that wrote it, or dump the data with PostgreSQL ${version} and load it into a new home`,
      },
    )
  }
  if (password === null) {
    throw new TowError(
      'REFUSED',
      `the password of the PostgreSQL in ${input.data} is gone: ${passwordFile}`,
      {
        hint: `put ${passwordFile} back from a backup`,
      },
    )
  }
  return password
}

/** In a folder aside, renamed at the end: a start that was killed leaves nothing that looks like data. */
async function initialize({ folder, data, binaries, user }: ClusterInput, password: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith('making-')) await rm(join(folder, name), { recursive: true, force: true })
  }
  const staging = await mkdtemp(join(folder, 'making-'))
  await ownedFolder(staging, user)
  const pwfile = join(staging, 'password')
  await writeFile(pwfile, `${password}\n`, { mode: 0o600 })
  if (user) await chown(pwfile, user.uid, user.gid)
  const made = join(staging, 'data')
  const { code, output } = await runProgram(
    binaries.initdb,
    [
      ['-D', made, '-U', 'postgres', '--pwfile', pwfile, '--auth', 'scram-sha-256', '--encoding', 'UTF8'],
      ['--no-locale', '--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8', '--no-instructions'],
    ].flat(),
    { ...user, cwd: '/', env: serverEnvironment() },
  )
  if (code !== 0) {
    await rm(staging, { recursive: true, force: true })
    throw new TowError(
      /No space left/i.test(output) ? 'DISK_FULL' : 'FAILED',
      `PostgreSQL could not make its data folder ${data}: ${lastLine(output)}`,
    )
  }
  await rename(made, data)
  await syncFolder(folder)
  await rm(staging, { recursive: true, force: true })
}

/** The server and its programs see nothing of our environment. */
export function serverEnvironment(): Record<string, string> {
  return { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }
}

function runProgram(file: string, args: string[], options: SpawnOptions) {
  return new Promise<{ code: number | null; output: string }>((resolve, reject) => {
    const child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const collect = (chunk: Buffer) => {
      output = (output + chunk).slice(-8192)
    }
    child.stdout?.on('data', collect)
    child.stderr?.on('data', collect)
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, output }))
  })
}

/** Of the superuser, beside the data; on disk for good when it returns. */
export async function writePassword(folder: string, text: string): Promise<void> {
  const file = join(folder, 'password')
  const handle = await open(`${file}.new`, 'w', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(`${file}.new`, file)
  await syncFolder(folder)
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function readIfThere(file: string): Promise<string | null> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim() || 'it said nothing'
}
