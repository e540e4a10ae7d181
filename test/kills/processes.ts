/** The processes of one home, as the machine knows them. Linux only: it reads /proc. */
import { readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Victim } from './schedule.ts'

/** A process that can be told from a later one with the same id. */
export interface Living {
  pid: number
  start: string
}

/** Null where it is not there, or only its parent has not noticed yet. */
async function statOf(pid: number): Promise<{ parent: number; start: string } | null> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'latin1')
    const [state, parent, ...rest] = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return state === 'Z' ? null : { parent: Number(parent), start: rest[17]! }
  } catch {
    return null
  }
}

export async function living(pid: number): Promise<Living | null> {
  const stat = await statOf(pid)
  return stat && { pid, start: stat.start }
}

async function all(): Promise<number[]> {
  return (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
}

/** Processes that work in the folder or below it. */
export async function workingIn(folder: string): Promise<number[]> {
  const found = await Promise.all(
    (await all()).map(async (pid) => {
      const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '')
      return (cwd === folder || cwd.startsWith(`${folder}/`)) && (await statOf(pid)) ? pid : null
    }),
  )
  return found.filter((pid) => pid !== null)
}

async function childrenOf(parent: number): Promise<number[]> {
  const found = await Promise.all(
    (await all()).map(async (pid) => ((await statOf(pid))?.parent === parent ? pid : null)),
  )
  return found.filter((pid) => pid !== null)
}

export interface AppProcess {
  app: string
  shim: Living
  process: Living
}

/** What the runner has written down about the app processes that live. */
export async function appProcesses(home: string): Promise<AppProcess[]> {
  const folder = join(home, 'engine', 'state', 'processes')
  const found = await Promise.all(
    (await readdir(folder).catch(() => [])).map(async (id) => {
      try {
        const spec = JSON.parse(await readFile(join(folder, id, 'record.json'), 'utf8'))
        const state = JSON.parse(await readFile(join(folder, id, 'state.json'), 'utf8'))
        const process = await living(state.app.pid)
        const shim = await living(state.shim.pid)
        return process && shim ? { app: spec.target.app as string, shim, process } : null
      } catch {
        return null
      }
    }),
  )
  return found.filter((one) => one !== null)
}

/** Whom a kill may meet now; for a shim with the app that it serves. */
export async function candidates(
  home: string,
  victim: Exclude<Victim, 'platform'>,
): Promise<{ pid: number; app?: string }[]> {
  switch (victim) {
    case 'runner': {
      const text = await readFile(join(home, 'engine', 'run', 'runner.lock'), 'utf8').catch(() => '{}')
      const { pid } = JSON.parse(text) as { pid?: number }
      return pid !== undefined && (await living(pid)) ? [{ pid }] : []
    }
    case 'shim':
      return (await appProcesses(home)).map(({ app, shim }) => ({ pid: shim.pid, app }))
    case 'build':
      return (await workingIn(join(home, 'builds'))).map((pid) => ({ pid }))
    case 'postmaster':
      return postmaster(home)
    case 'backend': {
      const [server] = await postmaster(home)
      return server ? (await childrenOf(server.pid)).map((pid) => ({ pid })) : []
    }
  }
}

async function postmaster(home: string): Promise<{ pid: number }[]> {
  const text = await readFile(join(home, 'postgres', 'data', 'postmaster.pid'), 'utf8').catch(() => '')
  const pid = Number.parseInt(text, 10)
  // While a server is started, the file names whoever starts it.
  const program = pid > 0 ? await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '') : ''
  return /postgres\0-D\0/.test(program) && (await living(pid)) ? [{ pid }] : []
}
