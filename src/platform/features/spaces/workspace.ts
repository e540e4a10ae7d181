/**
 * What the build made of a source, told from the two trees alone: which files it added or changed, and which files of
 * the source decide about that. Whoever makes a running workspace equal to a working copy sends only the rest. Pure.
 */
import type { TreeEntry } from '../../../trees/tree.ts'

/** Files that say what is installed, how it is built, and what is run. */
const INPUTS = new Set([
  ...['tow.yaml', 'Procfile', 'app.json'],
  ...['package.json', 'package-lock.json', 'npm-shrinkwrap.json', 'yarn.lock', '.yarnrc.yml', '.npmrc'],
  ...['pnpm-lock.yaml', 'pnpm-workspace.yaml', '.node-version', '.nvmrc'],
  ...['pyproject.toml', 'uv.lock', 'poetry.lock', 'Pipfile', 'Pipfile.lock', 'setup.py', '.python-version'],
  ...[
    'Gemfile',
    'Gemfile.lock',
    '.ruby-version',
    'go.mod',
    'go.sum',
    'go.work',
    'go.work.sum',
    '.tool-versions',
  ],
])
const REQUIREMENTS = /^(?:requirements|constraints)[\w.-]*\.(?:txt|in)$/

export function isInput(path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1)
  return INPUTS.has(name) || REQUIREMENTS.test(name)
}

export interface Built {
  source: readonly TreeEntry[]
  /** Of the app's own layer. */
  layer: readonly TreeEntry[]
  path: string
  context: string
}

export interface Made {
  /** The folder of the source that the root of the workspace stands for. */
  root: string
  inputs: string[]
  made: string[]
  /** The result is none of the source's own files. */
  compiled: boolean
}

export function compare({ source, layer, path, context }: Built): Made {
  const candidates = [...new Set([context, path])].map((root) => ({ root, ...held(source, layer, root) }))
  const best = candidates.reduce((one, other) => (other.same > one.same ? other : one))
  const inside = (entry: TreeEntry) => within(entry.path, context) || !entry.path.includes('/')
  return {
    root: best.root,
    inputs: source.filter((entry) => isInput(entry.path) && inside(entry)).map((entry) => entry.path),
    made: best.made,
    compiled: best.made.length > 0 || best.same === 0,
  }
}

/** How many files of the layer are the source's, and those that are not. */
function held(source: readonly TreeEntry[], layer: readonly TreeEntry[], root: string) {
  const prefix = root === '.' ? '' : `${root}/`
  const known = new Map(
    source
      .filter((entry) => within(entry.path, root))
      .map((entry) => [entry.path.slice(prefix.length), entry.digest]),
  )
  const made = layer.filter((entry) => known.get(entry.path) !== entry.digest).map((entry) => entry.path)
  return { same: layer.length - made.length, made }
}

const within = (path: string, folder: string): boolean => folder === '.' || path.startsWith(`${folder}/`)
