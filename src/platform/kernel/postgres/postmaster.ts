/** What `postmaster.pid` says, held against the process that really has that pid. */
import { execFile } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

export interface Postmaster {
  pid: number
  port: number
  socketFolder: string
  /** Empty when it listens on no TCP address. */
  address: string
  /** It was told to end, and takes nobody any more. */
  isStopping: boolean
}

/**
 * The live server of a data folder, or null. A pid that now belongs to another program does not count: PostgreSQL
 * itself would refuse to start then, so the file is marked stale in a way that keeps its other guard, the shared
 * memory that orphaned backends of the dead server may still hold.
 */
export async function findPostmaster(data: string): Promise<Postmaster | null> {
  const file = join(data, 'postmaster.pid')
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
  const [pidText = '', , , port = '', socketFolder = '', address = '', , status = ''] = text.split('\n')
  const pid = Number.parseInt(pidText, 10)
  if (!(pid > 0) || !isAlive(pid)) return null
  if (!(await servesData(pid, data))) {
    // PostgreSQL takes a file that names its parent for stale, and we will be its parent.
    await writeFile(file, text.replace(/^.*/, String(process.pid)))
    return null
  }
  return {
    pid,
    port: Number(port),
    socketFolder: socketFolder.trim(),
    address: address.trim(),
    isStopping: status.trim() === 'stopping',
  }
}

/**
 * Servers of a data folder that its pid file does not name: the file was taken away under them. PostgreSQL guards
 * against a second server by that file, so the first has to end before another is started.
 */
export async function findUnnamed(data: string): Promise<number[]> {
  const pids =
    process.platform === 'linux'
      ? (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
      : await pidsOf('postgres')
  const found: number[] = []
  for (const pid of pids) if (await servesData(pid, data)) found.push(pid)
  return found
}

async function pidsOf(program: string): Promise<number[]> {
  const { stdout } = await promisify(execFile)('pgrep', ['-x', program]).catch(() => ({ stdout: '' }))
  return stdout.split('\n').filter(Boolean).map(Number)
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function servesData(pid: number, data: string): Promise<boolean> {
  const command = await commandLine(pid)
  return command.includes(`-D ${data} `) && /postgres/.test(command)
}

async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    return `${text.replaceAll('\0', ' ')} `
  }
  const { stdout } = await promisify(execFile)('ps', ['-ww', '-o', 'command=', '-p', String(pid)]).catch(
    () => ({ stdout: '' }),
  )
  return `${stdout.trim()} `
}
