import { execFile } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'
import { coerce, satisfies, validRange } from 'semver'
import { TowError } from '../../api/errors.ts'

export interface Tool {
  /** Absolute path of the executable. */
  file: string
  /** e.g. `20.20.2`. */
  version: string
}

export interface Toolbox {
  /** Folders searched, as in PATH. */
  path: string
  /** Every executable of that name, in the order of the path. */
  all(name: string): string[]
  /** What a tool prints about itself; remembered until its file changes. Null when it fails. */
  ask(file: string, args: string[]): Promise<string | null>
  /** What a tool prints about something that changes. Null when it fails. */
  askNow(file: string, args: string[], env?: Readonly<Record<string, string>>): Promise<string | null>
  /** The tools of that name with their versions, those that do not run left out. */
  versions(name: string, args?: string[]): Promise<Tool[]>
}

/** Finds toolchains in the folders of `path`. `environment` is what they see when they are asked for their version. */
export function createToolbox(path: string, environment: Readonly<Record<string, string>>): Toolbox {
  const answers = new Map<string, Promise<string | null>>()
  const folders = [...new Set(path.split(delimiter).filter(isAbsolute))]

  const all = (name: string) => folders.map((folder) => join(folder, name)).filter(isExecutable)

  const askNow: Toolbox['askNow'] = (file, args, env = {}) =>
    new Promise((resolve) => {
      const options = {
        env: { PATH: path, LANG: 'C.UTF-8', ...environment, ...env },
        timeout: 60_000,
        maxBuffer: 4 << 20,
      }
      execFile(file, args, options, (error, stdout) => resolve(error ? null : stdout.trim()))
    })

  const ask = (file: string, args: string[]): Promise<string | null> => {
    const { mtimeMs, size } = statSync(file)
    const key = JSON.stringify([file, mtimeMs, size, args])
    const answer = answers.get(key) ?? askNow(file, args)
    answers.set(key, answer)
    return answer
  }

  const versions = async (name: string, args = ['--version']): Promise<Tool[]> => {
    const found = await Promise.all(
      all(name).map(async (file) => {
        const text = await ask(file, args)
        const version = /\d+\.\d+(\.\d+)?([-.a-z0-9]*)/i.exec(text ?? '')?.[0]
        return version === undefined ? [] : [{ file, version: coerce(version)?.version ?? version }]
      }),
    )
    return found.flat()
  }
  return { path, all, ask, askNow, versions }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}

export interface Wanted {
  /** As people say it: `Node`. */
  name: string
  /** Who asks: `package.json`. */
  file: string
  /** A semver range; null when any will do. */
  range: string | null
  /** The range as its file writes it, where that differs. */
  written?: string
  /** How to get it. */
  hint: string
}

/** The first tool that satisfies the range. Throws REFUSED where there is none, naming what was found and how to get it. */
export function choose(
  tools: readonly Tool[],
  { name, file, range, written = range ?? '*', hint }: Wanted,
): Tool {
  if (range !== null && validRange(range) === null) {
    throw new TowError('REFUSED', `${file} asks for ${name} "${range}", which is not a range of versions`, {
      hint: 'Write it like 22.x or >=20',
    })
  }
  const chosen = tools.find(
    ({ version }) => range === null || satisfies(version, range, { includePrerelease: true }),
  )
  if (chosen) return chosen
  const needs = `${file} needs ${name}${written === '*' ? '' : ` ${written}`}`
  const found = [...new Set(tools.map(({ version }) => version))]
  throw new TowError(
    'REFUSED',
    found.length === 0
      ? `${needs}, and no ${name.toLowerCase()} was found on this machine`
      : `${needs}, and this machine has ${found.join(', ')}`,
    { hint },
  )
}
