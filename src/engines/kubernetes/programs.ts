/**
 * Programs of our own that run inside the cluster: the router as a hop, and the agent of a workspace. From source they are
 * their files as they are, which Node runs; the published package has each as one file.
 */
import { readFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Program {
  name: 'router'
  /** Path of what Node is told to run, below `/workspace`. */
  entry: string
  /** By their paths below `/workspace`. */
  files(): Promise<Map<string, Uint8Array>>
}

export const ROUTER: Program = programOf('router', '../../router/hop/main.ts', './hop.mjs')

/** `source`, and `bundle` in the published package; both beside this file, as it lies there. */
function programOf(name: Program['name'], source: string, bundle: string): Program {
  const isSource = import.meta.url.endsWith('.ts')
  const file = fileURLToPath(new URL(isSource ? source : bundle, import.meta.url))
  const root = isSource ? fileURLToPath(new URL('../../', import.meta.url)) : dirname(file)
  return { name, entry: relative(root, file), files: () => filesFrom(root, file) }
}

/** The file and everything that it loads, by paths below the root. Packages are not among it: programs need none. */
async function filesFrom(root: string, first: string): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>()
  const waiting = [first]
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    const path = relative(root, file)
    if (found.has(path)) continue
    const bytes = await readFile(file)
    found.set(path, bytes)
    for (const [, imported] of bytes.toString().matchAll(LOADS)) {
      waiting.push(join(dirname(file), imported as string))
    }
  }
  // Without it, Node would have to find out by trying in which way the files are written.
  found.set('package.json', Buffer.from('{"type":"module"}\n'))
  return found
}

/** Imports of values; those of types are gone by the time it runs. */
const LOADS = /(?:^(?:import|export)(?! type)(?:[^'";]*? from)? |import\()['"](\.{1,2}\/[^'"]+)['"]/gms
