/** Where everything of the runner lies. Pure but for `prepareRunFolder`. */
import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { TowError } from '../api/errors.ts'
import type { Target } from './shapes.ts'

/** A unix socket's path may have 103 bytes on macOS; the longest name we put into the folder has 26. */
const LONGEST_RUN_FOLDER = 76

export interface Paths {
  home: string
  /** Sockets and the lock; 0700. */
  run: string
  socket: string
  lock: string
  state: string
  logs: string
  targetFile(target: Target): string
  processes: string
  jobs(target: Target): string
  cronsFile(target: Target): string
  samples(target: Target): string
  targetLogs(target: Target): string
  targetSets(target: Target): string
  dwelling(target: Target): string
}

/** What people and folders call an app, or its copy in a space: `missions--mine`. */
export function appName({ app, space }: Pick<Target, 'app' | 'space'>): string {
  return space === undefined ? app : `${app}--${space}`
}

/** No name holds two hyphens in a row, so this is what `appName` was given. */
export function parseAppName(name: string): Pick<Target, 'app' | 'space'> | null {
  const [app, space, more] = name.split('--')
  if (!app || space === '' || more !== undefined) return null
  return space === undefined ? { app } : { app, space }
}

/** `stage.missions` or `stage.missions--mine`: names hold no dot, so this is unique and can be split again. */
export function targetName(target: Target): string {
  return `${target.environment}.${appName(target)}`
}

export function parseTargetName(name: string): Target | null {
  const [environment, rest, more] = name.split('.')
  const named = parseAppName(rest ?? '')
  return environment && named && more === undefined ? { environment, ...named } : null
}

export function pathsOf(home: string): Paths {
  const deep = Buffer.byteLength(`${home}/run`) > LONGEST_RUN_FOLDER
  const short = createHash('sha256').update(home).digest('hex').slice(0, 10)
  const run = deep ? `${tmpdir()}/tow-${process.getuid?.() ?? 0}-${short}` : `${home}/run`
  const state = `${home}/state`
  return {
    home,
    run,
    socket: `${run}/runner.sock`,
    lock: `${run}/runner.lock`,
    state,
    logs: `${home}/logs`,
    targetFile: (target) => `${state}/targets/${targetName(target)}.json`,
    processes: `${state}/processes`,
    jobs: (target) => `${state}/jobs/${targetName(target)}`,
    cronsFile: (target) => `${state}/crons/${targetName(target)}.json`,
    samples: (target) => `${state}/samples/${targetName(target)}`,
    targetLogs: (target) => `${home}/logs/${targetName(target)}`,
    targetSets: (target) => `${home}/sets/${targetName(target)}`,
    dwelling: (target) => `${home}/dwellings/${targetName(target)}`,
  }
}

/** Makes the folder of the sockets, and refuses one that somebody else could have put there. */
export function prepareRunFolder(run: string): void {
  mkdirSync(run, { recursive: true, mode: 0o700 })
  const facts = lstatSync(run)
  const mine =
    facts.isDirectory() && facts.uid === (process.getuid?.() ?? facts.uid) && (facts.mode & 0o077) === 0
  if (!mine) {
    throw new TowError(
      'REFUSED',
      `${run} can be read by others, so the runner does not put its socket there`,
      {
        hint: `rm -r ${run}`,
      },
    )
  }
}
