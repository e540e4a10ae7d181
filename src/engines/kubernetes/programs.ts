/**
 * Programs of our own that run inside the cluster: the router as a hop, and the agent of a workspace. From source they are
 * their files as they are, which Node runs; the published package has each as one file.
 */
import { readFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Program {
  name: 'router' | 'agent'
  /** Path of what Node is told to run, below `/workspace`. */
  entry: string
  /** By their paths below `/workspace`. */
  files(): Promise<Map<string, Uint8Array>>
}

export const ROUTER: Program = programOf('router', '../../router/hop/main.ts', './hop.mjs')
export const AGENT: Program = programOf('agent', '../../workspace/sidecar/main.ts', './agent.mjs')

/** `source`, and `bundle` in the published package; both beside this file, as it lies there. */
function programOf(name: Program['name'], source: string, bundle: string): Program {
  const isSource = import.meta.url.endsWith('.ts')
  const file = fileURLToPath(new URL(isSource ? source : bundle, import.meta.url))
  const root = isSource ? fileURLToPath(new URL('../../', import.meta.url)) : dirname(file)
  return { name, entry: relative(root, file), files: () => filesFrom(root, file) }
}

/** The file and everything that it loads, by paths below the root; of packages too, in a folder where Node finds them. */
async function filesFrom(root: string, first: string): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>()
  const waiting = [first]
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    const inPackage = file.lastIndexOf('/node_modules/')
    const path = inPackage < 0 ? relative(root, file) : file.slice(inPackage + 1)
    if (found.has(path)) continue
    const bytes = await readFile(file)
    found.set(path, bytes)
    for (const [, imported = ''] of bytes.toString().matchAll(LOADS)) {
      if (imported.startsWith('.')) waiting.push(join(dirname(file), imported))
      else if (!imported.startsWith('node:')) waiting.push(...packageFiles(imported))
    }
  }
  // Without it, Node would have to find out by trying in which way the files are written.
  found.set('package.json', Buffer.from('{"type":"module"}\n'))
  return found
}

function packageFiles(name: string): string[] {
  const file = fileURLToPath(import.meta.resolve(name))
  const root = file.slice(0, file.lastIndexOf(`/node_modules/${name}/`) + `/node_modules/${name}/`.length)
  return [file, join(root, 'package.json')]
}

/** Imports of values; those of types are gone by the time it runs. */
const LOADS = /(?:^(?:import|export)(?! type)(?:[^'";]*? from)? |import\()['"]([^'"]+)['"]/gms
