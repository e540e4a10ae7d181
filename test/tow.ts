/** `tow` as a person runs it: the real command, a home of its own, a real platform behind it. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const MAIN = new URL('../src/cli/main.ts', import.meta.url).pathname

export interface Ended {
  exit: number
  stdout: string
  stderr: string
}

export interface Person {
  home: string
  /** A folder to work in, gone afterwards. */
  folder: string
  tow(
    args: string[],
    options?: { cwd?: string; env?: Record<string, string>; input?: string },
  ): Promise<Ended>
  /** The same, with `--json`, parsed; throws what the command said when it fails. */
  ask<T>(args: string[]): Promise<T>
  /** Stops whatever this person started, and removes their folders. */
  leave(): Promise<void>
}

/** Short folder names: the sockets in the home have a longest path. `main`: the command's file, where it is not the source. */
export async function newPerson(main = MAIN): Promise<Person> {
  const home = await mkdtemp(join(tmpdir(), 'tow-h-'))
  const folder = await mkdtemp(join(tmpdir(), 'tow-w-'))

  function tow(
    args: string[],
    { cwd = folder, env = {}, input }: { cwd?: string; env?: Record<string, string>; input?: string } = {},
  ) {
    return new Promise<Ended>((resolve) => {
      const options = {
        cwd,
        env: { ...process.env, CI: 'true', TOW_HOME: home, ...env },
        maxBuffer: 64 * 1024 * 1024,
      }
      const child = execFile(process.execPath, [main, ...args], options, (error, stdout, stderr) => {
        resolve({ exit: error ? (typeof error.code === 'number' ? error.code : 1) : 0, stdout, stderr })
      })
      child.stdin?.end(input)
    })
  }

  return {
    home,
    folder,
    tow,
    async ask(args) {
      const { exit, stdout, stderr } = await tow([...args, '--json'])
      if (exit !== 0) throw new Error(`tow ${args.join(' ')} ended with ${exit}: ${stderr}`)
      return JSON.parse(stdout)
    },
    async leave() {
      const { exit, stderr } = await tow(['down'])
      await rm(folder, { recursive: true, force: true })
      await rm(home, { recursive: true, force: true })
      if (exit !== 0) throw new Error(`tow down ended with ${exit}: ${stderr}`)
    },
  }
}
