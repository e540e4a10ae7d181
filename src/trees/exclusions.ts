/** What is never shipped, and what .dockerignore, .towignore and (without Git) .gitignore leave out. Pure. */
import ignore, { type Ignore } from 'ignore'

/** A file of rules, with the folder it lies in (`` for the root). */
export interface RuleFile {
  folder: string
  text: string
}

export interface IgnoreFiles {
  /** Of the root alone, as Docker reads it. */
  dockerignore?: string
  /** Anywhere; a deeper one wins. What it un-ignores with `!` comes back even if .dockerignore leaves it out. */
  towignore: RuleFile[]
  /** Anywhere; empty where Git itself does the listing. */
  gitignore: RuleFile[]
}

/** True for a path that is left out; `isFolder` only lets a walk skip whole folders. */
export type Excluded = (path: string, isFolder?: boolean) => boolean

/**
 * Names that are left out at any depth, whatever any file says: what is made again by the build, Git's own, and files
 * where developers keep secrets. `.env.example` or `.env.production` are code: people commit them on purpose.
 */
export function isNeverShipped(path: string): boolean {
  return /(^|\/)(node_modules|\.git|\.env|\.env\.local|\.env\.[^/]+\.local)(\/|$)/.test(path)
}

export function exclusions(files: IgnoreFiles): Excluded {
  const docker = dockerRules(files.dockerignore ?? '')
  const tow = nestedRules(files.towignore)
  const git = nestedRules(files.gitignore)
  return (path, isFolder = false) => {
    if (isNeverShipped(path)) return true
    if (git(path, isFolder) === true) return true
    const ours = tow(path, isFolder)
    if (ours !== undefined) return ours
    // A folder that Docker's rules leave out may still hold a file that a later rule brings back.
    if (isFolder) return false
    return docker(path)
  }
}

const rulesOf = (text: string) => ignore({ ignorecase: false }).add(text.replace(/^\ufeff/, ''))

/** Rules as Git reads them: the deepest folder that has a word about the path decides; undefined where none has. */
function nestedRules(files: RuleFile[]): (path: string, isFolder: boolean) => boolean | undefined {
  const byFolder = new Map(files.map((file) => [file.folder, rulesOf(file.text)]))
  if (byFolder.size === 0) return () => undefined
  const folderVerdicts = new Map<string, boolean | undefined>()
  const verdict = (path: string, isFolder: boolean): boolean | undefined => {
    const known = isFolder ? folderVerdicts.get(path) : undefined
    if (known !== undefined) return known
    const end = path.lastIndexOf('/')
    // Inside a folder that is left out nothing can be brought back: that is Git's rule, and what makes walks quick.
    const above = end < 0 ? undefined : verdict(path.slice(0, end), true)
    const result = above === true ? true : (ownVerdict(path, isFolder, byFolder) ?? above)
    if (isFolder) folderVerdicts.set(path, result)
    return result
  }
  return verdict
}

function ownVerdict(path: string, isFolder: boolean, byFolder: Map<string, Ignore>): boolean | undefined {
  for (let folder = path; folder !== ''; ) {
    const end = folder.lastIndexOf('/')
    folder = end < 0 ? '' : folder.slice(0, end)
    const rules = byFolder.get(folder)
    if (!rules) continue
    const relative = folder === '' ? path : path.slice(folder.length + 1)
    const { ignored, unignored } = rules.test(isFolder ? `${relative}/` : relative)
    if (ignored) return true
    if (unignored) return false
  }
  return undefined
}

/**
 * Docker's rules differ from Git's: every pattern starts at the root, a trailing slash means nothing, and `!` brings a
 * file back even out of a folder that is left out. The last rule that matches a path or a folder above it decides, so
 * rules are kept as runs of one sign, read from the last to the first.
 */
function dockerRules(text: string): (path: string) => boolean {
  const runs: { negative: boolean; patterns: string[] }[] = []
  for (const line of text.replace(/^\ufeff/, '').split(/\r?\n/)) {
    const rule = line.trim()
    if (rule === '' || rule.startsWith('#')) continue
    const negative = rule.startsWith('!')
    const pattern = rule
      .slice(negative ? 1 : 0)
      .trim()
      .replace(/^(\.?\/)+/, '')
      .replace(/\/+$/, '')
    if (pattern === '' || pattern === '.') continue
    const last = runs.at(-1)
    if (last?.negative === negative) last.patterns.push(`/${pattern}`)
    else runs.push({ negative, patterns: [`/${pattern}`] })
  }
  const matchers = runs
    .reverse()
    .map(({ negative, patterns }) => ({ negative, rules: rulesOf(patterns.join('\n')) }))
  return (path) => {
    for (const { negative, rules } of matchers) if (rules.ignores(path)) return !negative
    return false
  }
}
