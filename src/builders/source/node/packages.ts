import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readText, walk } from '../files.ts'
import { type Component, purlPart } from '../sbom.ts'

const PACKAGE =
  /(^|\/)node_modules\/(?:\.[^/]+\/[^/]+\/node_modules\/)?((?:@[^/]+\/)?[^/@.][^/]*)\/package\.json$/

/** Every npm package that lies below a folder, as its own package.json names it. `lockfile` gives the hashes. */
export async function npmComponents(folder: string, lockfile: string | null): Promise<Component[]> {
  const integrity = lockfile === null ? new Map<string, string>() : await integrities(lockfile)
  const components: Component[] = []
  for (const { path, kind } of await walk(folder)) {
    if (kind !== 'file' || !PACKAGE.test(path)) continue
    const component = componentOf(await readFile(join(folder, path), 'utf8'))
    if (!component) continue
    const hash = integrity.get(path.slice(0, -'/package.json'.length))
    components.push(hash ? { ...component, hashes: { 'SHA-512': hash } } : component)
  }
  return components
}

function componentOf(text: string): Component | null {
  try {
    const { name, version, license, licenses } = JSON.parse(text) as {
      name?: unknown
      version?: unknown
      license?: unknown
      licenses?: unknown
    }
    if (typeof name !== 'string' || typeof version !== 'string') return null
    const [group, plain] = name.startsWith('@')
      ? [name.split('/')[0]!, name.split('/')[1] ?? '']
      : [undefined, name]
    const stated = [license, ...(Array.isArray(licenses) ? licenses : [])].flatMap(licenseName)
    return {
      ...(group !== undefined && { group }),
      name: plain,
      version,
      purl: `pkg:npm/${group === undefined ? '' : `${purlPart(group)}/`}${purlPart(plain)}@${purlPart(version)}`,
      ...(stated.length > 0 && { licenses: stated }),
    }
  } catch {
    // Test data of packages holds broken package.json files; they are no packages.
    return null
  }
}

function licenseName(license: unknown): string[] {
  if (typeof license === 'string' && license !== '') return [license]
  const type =
    typeof license === 'object' && license !== null ? (license as { type?: unknown }).type : undefined
  return typeof type === 'string' ? [type] : []
}

/** SHA-512 in hexadecimal by path in the tree, from a package-lock.json. */
async function integrities(lockfile: string): Promise<Map<string, string>> {
  const text = lockfile.endsWith('.json') ? await readText(lockfile) : null
  if (text === null) return new Map()
  const { packages = {} } = JSON.parse(text) as { packages?: Record<string, { integrity?: string }> }
  return new Map(
    Object.entries(packages).flatMap(([path, { integrity = '' }]) => {
      const base64 = /^sha512-(\S+)/.exec(integrity)?.[1]
      return base64 ? [[path, Buffer.from(base64, 'base64').toString('hex')]] : []
    }),
  )
}
