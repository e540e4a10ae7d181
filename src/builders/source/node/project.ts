import { join, posix } from 'node:path'
import { parse as parseYaml } from 'yaml'
import { TowError } from '../../../api/errors.ts'
import { exists, readText, walk } from '../files.ts'
import type { Source } from '../language.ts'

export interface PackageJson {
  name?: string
  version?: string
  main?: string
  type?: string
  packageManager?: string
  license?: string
  engines?: Record<string, string>
  scripts?: Record<string, string>
  workspaces?: string[] | { packages?: string[] }
  [field: string]: unknown
}

export type ManagerName = 'npm' | 'pnpm' | 'yarn' | 'berry'

/** A package of the workspace. `folder` is relative to the root of the project. */
export interface Member {
  folder: string
  json: PackageJson
}

export interface Project {
  /** Absolute: where the lockfile lies. */
  root: string
  /** Of the app, relative to the root; `.` where it has its own lockfile. */
  folder: string
  json: PackageJson
  rootJson: PackageJson
  manager: ManagerName
  lockfile: string | null
  /** Every package of the workspace, the app among them; empty outside of one. */
  members: Member[]
  /** The local packages that the app needs to run, in the order in which they are to be built. */
  needed: Member[]
}

const LOCKFILES: [file: string, manager: ManagerName][] = [
  ['package-lock.json', 'npm'],
  ['npm-shrinkwrap.json', 'npm'],
  ['pnpm-lock.yaml', 'pnpm'],
  ['yarn.lock', 'yarn'],
]

export const DEPENDENCY_FIELDS = ['dependencies', 'optionalDependencies'] as const

/** What the package.json files of an app and of the workspace around it say; null without a package.json. */
export async function readProject(source: Source): Promise<Project | null> {
  const json = await readPackageJson(
    join(source.app, 'package.json'),
    posix.join(source.path, 'package.json'),
  )
  if (!json) return null
  let root = source.app
  let found = await lockfileIn(root)
  let rootJson = json
  let members: Member[] = []
  if (source.path !== '.') {
    const outer = await readPackageJson(join(source.context, 'package.json'), 'package.json')
    const all = outer ? await membersOf(source.context, outer) : []
    if (outer && all.some(({ folder }) => folder === source.path)) {
      root = source.context
      rootJson = outer
      members = all
      found = await lockfileIn(root)
    }
  } else {
    members = await membersOf(root, json)
  }
  const folder = root === source.app ? '.' : source.path
  return {
    root,
    folder,
    json,
    rootJson,
    manager: managerOf(found?.manager, rootJson),
    lockfile: found?.file ?? null,
    members,
    needed: neededMembers(json, members),
  }
}

async function readPackageJson(file: string, shown: string): Promise<PackageJson | null> {
  const text = await readText(file)
  if (text === null) return null
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as PackageJson
    throw new Error('an object is expected')
  } catch (error) {
    throw new TowError('BAD_INPUT', `${shown} is not valid JSON: ${(error as Error).message}`)
  }
}

async function lockfileIn(folder: string): Promise<{ file: string; manager: ManagerName } | null> {
  for (const [file, manager] of LOCKFILES) {
    if (manager !== 'yarn' && (await exists(join(folder, file)))) return { file, manager }
    const text = manager === 'yarn' ? await readText(join(folder, file)) : null
    if (text !== null) return { file, manager: text.includes('__metadata:') ? 'berry' : 'yarn' }
  }
  return null
}

/** The lockfile tells; which Yarn an empty one is for, packageManager tells. */
function managerOf(byLockfile: ManagerName | undefined, { packageManager = '' }: PackageJson): ManagerName {
  if (byLockfile && !(byLockfile === 'yarn' && packageManager.startsWith('yarn@'))) return byLockfile
  if (packageManager.startsWith('pnpm@')) return 'pnpm'
  if (packageManager.startsWith('yarn@')) return packageManager.startsWith('yarn@1.') ? 'yarn' : 'berry'
  return 'npm'
}

async function membersOf(root: string, json: PackageJson): Promise<Member[]> {
  const yaml = await readText(join(root, 'pnpm-workspace.yaml'))
  const fromYaml =
    yaml === null ? null : ((parseYaml(yaml) as { packages?: string[] } | null)?.packages ?? [])
  const patterns =
    fromYaml ?? (Array.isArray(json.workspaces) ? json.workspaces : (json.workspaces?.packages ?? []))
  if (patterns.length === 0) return []
  const files = await walk(root, (path) => /(^|\/)(node_modules|\.git)$/.test(path))
  const members: Member[] = []
  for (const { path } of files) {
    if (!path.endsWith('/package.json')) continue
    const folder = path.slice(0, -'/package.json'.length)
    if (!matches(folder, patterns)) continue
    members.push({ folder, json: (await readPackageJson(join(root, path), path))! })
  }
  return members
}

/** The globs of workspaces: `packages/*`, `apps/**`, and exclusions with `!`; the last one that matches decides. */
export function matches(folder: string, patterns: readonly string[]): boolean {
  let included = false
  for (const pattern of patterns) {
    const negative = pattern.startsWith('!')
    const glob = pattern.replace(/^!/, '').replace(/^\.\//, '').replace(/\/+$/, '')
    const expression = glob
      .split(/(\*\*\/?|\*)/)
      .map((part) =>
        part.startsWith('**')
          ? '(?:[^/]+/)*[^/]*'
          : part === '*'
            ? '[^/]+'
            : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'),
      )
      .join('')
    if (new RegExp(`^${expression}$`).test(folder)) included = !negative
  }
  return included
}

/** Names of what a package needs to run. */
export function productionDependencies(json: PackageJson): string[] {
  return DEPENDENCY_FIELDS.flatMap((field) => Object.keys((json[field] as object | undefined) ?? {}))
}

function neededMembers(json: PackageJson, members: readonly Member[]): Member[] {
  const order: Member[] = []
  const seen = new Set<string>()
  const visit = (one: PackageJson) => {
    for (const name of productionDependencies(one)) {
      const member = members.find((candidate) => candidate.json.name === name)
      if (!member || seen.has(name) || member.json === json) continue
      seen.add(name)
      visit(member.json)
      order.push(member)
    }
  }
  visit(json)
  return order
}
