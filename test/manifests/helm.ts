/** The real helm for tests of the charts; what needs it says that it was skipped where there is none. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { parseAllDocuments, stringify } from 'yaml'

const PATH = process.env.PATH ?? ''

/** Programs on the PATH that are helm, whatever they are called: Helm 3 and Helm 4 may lie beside each other. */
export const HELMS = ['helm', 'helm3', 'helm4'].flatMap((name) => {
  const folder = PATH.split(':').find((one) => existsSync(`${one}/${name}`))
  return folder === undefined ? [] : [`${folder}/${name}`]
})
export const hasHelm = PATH.split(':').some((folder) => existsSync(`${folder}/helm`))
export const WITHOUT_HELM = 'helm is not on the PATH'

// biome-ignore lint/suspicious/noExplicitAny: manifests are read as they come
export type Manifest = any

export const chartFolder = (name: 'app' | 'access') =>
  fileURLToPath(new URL(`../../charts/${name}`, import.meta.url))

export async function helm(words: readonly string[], values: object = {}): Promise<string> {
  const work = promisify(execFile)('helm', [...words, '--values', '-'], { maxBuffer: 16 << 20 })
  work.child.stdin?.end(stringify(values))
  return (await work).stdout
}

export async function render(
  chart: 'app' | 'access',
  values: object,
  options: { name?: string; words?: readonly string[] } = {},
): Promise<Manifest[]> {
  // A helm that was built by hand takes a cluster which it is not shown for a very old one.
  const version = options.words?.includes('--kube-version') ? [] : ['--kube-version', '1.30.0']
  const words = [
    'template',
    options.name ?? 'shop',
    chartFolder(chart),
    '--namespace',
    'stage',
    ...version,
    ...(options.words ?? []),
  ]
  const text = await helm(words, values)
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest)
    .filter((manifest) => manifest !== null)
}
