/** What a push asks for and which apps it ships, decided from facts alone. Pure. */
import type { Tree, TreeEntry } from '../../../trees/tree.ts'
import type { AppDeclaration } from '../manifests/index.ts'

export interface RefChange {
  /** Null where the ref is new. */
  from: string | null
  /** Null where it is to be removed. */
  to: string | null
  ref: string
}

const MAIN = 'refs/heads/main'

/** The lines that Git gives to a pre-receive hook. Null where one is nothing that Git writes. */
export function readChanges(lines: readonly string[]): RefChange[] | null {
  const changes: RefChange[] = []
  for (const line of lines) {
    const match = /^([0-9a-f]{40}|[0-9a-f]{64}) ([0-9a-f]{40}|[0-9a-f]{64}) (\S+)$/.exec(line)
    if (!match) return null
    const named = (object: string) => (/^0+$/.test(object) ? null : object)
    changes.push({ from: named(match[1]!), to: named(match[2]!), ref: match[3]! })
  }
  return changes
}

export function isMain({ ref }: RefChange): boolean {
  return ref === MAIN
}

/** What served when somebody pushed: nothing, or what it was made from as far as that is still known. */
export interface Served {
  tree: Tree
  declaration: AppDeclaration
}

/**
 * Whether an app is to be shipped: something in its folder, or what its files declare, is not as it was in the tree
 * that its live release was made from. Where that is not known any more it is shipped, and found unchanged later.
 */
export function isChanged(app: AppDeclaration, tree: Tree, served: Served | null): boolean {
  if (!served || !isSameValue(app, served.declaration)) return true
  return fingerprint(tree, app.path) !== fingerprint(served.tree, served.declaration.path)
}

function fingerprint(tree: Tree, path: string): string {
  if (path === '.') return tree.hash
  const prefix = `${path}/`
  return tree.entries
    .filter((entry) => entry.path.startsWith(prefix))
    .map(({ path: own, mode, digest }: TreeEntry) => `${mode} ${digest} ${own.slice(prefix.length)}`)
    .join('\n')
}

/** Equal as JSON, whatever the order of keys: one side comes back from the database. */
function isSameValue(one: unknown, other: unknown): boolean {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) {
    return one === other
  }
  if (Array.isArray(one) !== Array.isArray(other)) return false
  const [left, right] = [entriesOf(one), entriesOf(other)]
  return (
    left.size === right.size &&
    [...left].every(([key, value]) => right.has(key) && isSameValue(value, right.get(key)))
  )
}

const entriesOf = (value: object) =>
  new Map(Object.entries(value).filter(([, inner]) => inner !== undefined) as [string, unknown][])
