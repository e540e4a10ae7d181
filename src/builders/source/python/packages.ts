import { join } from 'node:path'
import { readText, walk } from '../files.ts'
import { type Component, purlPart } from '../sbom.ts'
import { normalised } from './project.ts'

/** Every Python package below a folder, as its own metadata names it. */
export async function pythonComponents(folder: string): Promise<Component[]> {
  const components: Component[] = []
  for (const { path, kind } of await walk(folder)) {
    if (kind !== 'file' || !/\.dist-info\/METADATA$/.test(path)) continue
    const text = ((await readText(join(folder, path))) ?? '').split(/\r?\n\r?\n/)[0]!
    const fields = (name: string) =>
      [...text.matchAll(new RegExp(`^${name}: *(.+)$`, 'gm'))].map(([, value]) => value!.trim())
    const [name, version] = [fields('Name')[0], fields('Version')[0]]
    if (!name || !version) continue
    const licenses = licensesOf(fields)
    components.push({
      name: normalised(name),
      version,
      purl: `pkg:pypi/${purlPart(normalised(name))}@${purlPart(version)}`,
      ...(licenses.length > 0 && { licenses }),
    })
  }
  return components
}

function licensesOf(fields: (name: string) => string[]): string[] {
  const expression = fields('License-Expression')
  if (expression.length > 0) return expression
  const classifiers = fields('Classifier').filter((one) => one.startsWith('License :: '))
  if (classifiers.length > 0) return classifiers.map((one) => one.split(' :: ').at(-1)!)
  return fields('License').filter((one) => one !== 'UNKNOWN' && one.length < 100)
}
