import { join, posix } from 'node:path'
import { readText, walk } from '../files.ts'

export interface GoProject {
  module: string
  /** The oldest Go that may build it, e.g. `1.22`. */
  version: string
  /** Folders of main packages, `.` for the app itself. */
  mains: string[]
  /** Whether any file of the app speaks to C. */
  usesC: boolean
}

const NOT_PROGRAMS = /(^|\/)(vendor|testdata|node_modules|examples?|_[^/]*|\.[^/]*)$/

/** What go.mod and the sources of an app say; null without a go.mod. */
export async function readGoProject(app: string): Promise<GoProject | null> {
  const text = await readText(join(app, 'go.mod'))
  if (text === null) return null
  const module = /^module\s+"?([^\s"]+)/m.exec(text)?.[1] ?? 'app'
  const version = /^go\s+(\d+\.\d+(?:\.\d+)?)/m.exec(text)?.[1] ?? '1.16'
  const mains = new Set<string>()
  let usesC = false
  for (const { path, kind } of await walk(app, (one) => NOT_PROGRAMS.test(one))) {
    if (kind !== 'file' || !path.endsWith('.go') || path.endsWith('_test.go')) continue
    const source = (await readText(join(app, path))) ?? ''
    if (/^\s*(?:import\s+)?"C"/m.test(source)) usesC = true
    if (
      /^package main\b/m.test(source) &&
      /^func main\(\)/m.test(source) &&
      !/^\/\/go:build .*\bignore\b/m.test(source)
    ) {
      mains.add(posix.dirname(path))
    }
  }
  return { module, version, mains: chosenMains([...mains].sort(), text), usesC }
}

/** Heroku's own line in go.mod, else the root, else the commands, else whatever is a program. */
function chosenMains(mains: readonly string[], goMod: string): string[] {
  const asked = /^\/\/ \+heroku install (.+)$/m.exec(goMod)?.[1]?.split(/\s+/)
  if (asked) {
    return mains.filter((folder) => asked.some((pattern) => covers(posix.normalize(pattern), folder)))
  }
  if (mains.includes('.')) return ['.']
  const commands = mains.filter((folder) => /^cmd(\/[^/]+)?$/.test(folder))
  return commands.length > 0 ? commands : [...mains]
}

function covers(pattern: string, folder: string): boolean {
  if (!pattern.endsWith('...')) return pattern === folder
  const above = pattern.slice(0, -'...'.length)
  return above === '' || above === './' || `${folder}/`.startsWith(above)
}

/** The name that `go build` gives a program. */
export function programName(module: string, folder: string): string {
  const path = folder === '.' ? module : posix.join(module, folder)
  const parts = path.split('/')
  const last = parts.at(-1)!
  return /^v\d+$/.test(last) && parts.length > 1 ? parts.at(-2)! : last
}

const SERVERS = ['web', 'server', 'api', 'app', 'httpd', 'serve']

/** Which of several programs takes requests: the only one, or the one with a telling name. */
export function webProgram(names: readonly string[], module: string): string | null {
  if (names.length === 1) return names[0]!
  return [...SERVERS, programName(module, '.')].find((name) => names.includes(name)) ?? null
}
