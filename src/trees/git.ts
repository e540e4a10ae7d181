/** Git as a program: found through PATH, spoken to through pipes, never through a library that half knows it. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { refusals } from './refusals.ts'
import { throwIfCancelled } from './slices.ts'

/**
 * Inside a hook Git sets variables that would turn every other repository into that one, so they are taken away. By
 * way of `env`, because rooms other than the entry points read no environment.
 */
const CLEAN_ENVIRONMENT = [
  ...['GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE', 'GIT_PREFIX', 'GIT_OBJECT_DIRECTORY', 'GIT_COMMON_DIR'],
  ...['GIT_NAMESPACE', 'GIT_CEILING_DIRECTORIES', 'GIT_LITERAL_PATHSPECS', 'GIT_GLOB_PATHSPECS'],
].flatMap((name) => ['-u', name])

export interface GitAnswer {
  /** 127 where there is no Git. */
  code: number
  stdout: Buffer
  stderr: string
}

/** Where there is no `.git` here or above, Git need not be asked: starting it costs more than everything else here. */
export function mayBeInRepository(folder: string): boolean {
  let at: string
  try {
    // Git looks upwards from where a link leads to.
    at = realpathSync(folder)
  } catch {
    return true
  }
  for (; !existsSync(join(at, '.git')); at = dirname(at)) if (at === dirname(at)) return false
  return true
}

export function startGit(
  folder: string,
  parameters: string[],
  signal?: AbortSignal,
): ChildProcessByStdio<Writable, Readable, Readable> {
  // GIT_OPTIONAL_LOCKS: reading must never stand in the way of the `git commit` that someone runs meanwhile.
  const settings = ['LC_ALL=C', 'GIT_OPTIONAL_LOCKS=0', 'GIT_TERMINAL_PROMPT=0']
  return spawn('env', [...CLEAN_ENVIRONMENT, ...settings, 'git', '-C', folder, ...parameters], {
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(signal ? { signal } : {}),
  })
}

/** Runs Git to its end. Never throws for its exit code: the caller knows what a failure means. */
export async function askGit(folder: string, parameters: string[], signal?: AbortSignal): Promise<GitAnswer> {
  throwIfCancelled(signal)
  const child = startGit(folder, parameters, signal)
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdin.on('error', () => {}).end()
  child.stdout.on('data', (chunk) => stdout.push(chunk))
  child.stderr.on('data', (chunk) => stderr.push(chunk))
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (exit) => resolve(exit ?? 1))
  }).catch((error) => {
    throwIfCancelled(signal)
    throw error
  })
  return { code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() }
}

/** Like `askGit`, but a failure is a TowError with Git's own first line. */
export async function mustGit(folder: string, parameters: string[], signal?: AbortSignal): Promise<Buffer> {
  const { code, stdout, stderr } = await askGit(folder, parameters, signal)
  if (code === 127) throw refusals.noGit()
  if (code !== 0) throw refusals.git(folder, stderr)
  return stdout
}

/** Splits NUL-terminated output. Bytes that are no UTF-8 become U+FFFD, which `checkPath` refuses by name. */
export function splitNul(output: Buffer): string[] {
  const parts = output.toString('utf8').split('\0')
  parts.pop()
  return parts
}
