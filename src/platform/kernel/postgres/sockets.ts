/** A folder for the unix socket whose path the system's limit allows. */
import { createHash } from 'node:crypto'
import { lstat, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { TowError } from '../../../api/errors.ts'
import { ownedFolder, type RunAs } from './cluster.ts'

/** macOS allows 103 bytes, Linux 107. */
const LONGEST = 103

/** `folder/socket`, or where that is too deep a private folder in /tmp that is always the same for `folder`. */
export async function socketFolderFor(folder: string, port: number, user: RunAs): Promise<string> {
  const near = join(folder, 'socket')
  if (Buffer.byteLength(join(near, `.s.PGSQL.${port}`)) <= LONGEST) {
    await ownedFolder(near, user)
    return near
  }
  const far = `/tmp/tow-${createHash('sha256').update(folder).digest('hex').slice(0, 16)}`
  await mkdir(far, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
  const found = await lstat(far)
  const ours = [process.getuid?.(), user?.uid].includes(found.uid)
  if (!found.isDirectory() || !ours) {
    throw new TowError('REFUSED', `${far}, which PostgreSQL needs for its socket, belongs to someone else`, {
      hint: `remove ${far}, or set TOW_HOME to a shorter path than ${folder}`,
    })
  }
  await ownedFolder(far, user)
  return far
}

/** Left by a server that was killed; the folder is this server's alone, and it does not run. */
export async function clearSockets(socketFolder: string, port: number): Promise<void> {
  await rm(join(socketFolder, `.s.PGSQL.${port}`), { force: true })
  await rm(join(socketFolder, `.s.PGSQL.${port}.lock`), { force: true })
}
