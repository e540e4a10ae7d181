interface LockedDependency {
  name: string
  version?: string
  marker?: string
  extra?: string[]
}

interface LockedPackage {
  name: string
  version?: string
  source: {
    registry?: string
    editable?: string
    virtual?: string
    directory?: string
    path?: string
    git?: string
    url?: string
  }
  dependencies?: LockedDependency[]
  'optional-dependencies'?: Record<string, LockedDependency[]>
  sdist?: { hash?: string }
  wheels?: { hash?: string }[]
}

export interface UvLock {
  package?: LockedPackage[]
}

/**
 * What uv.lock pins for production, as lines for pip: versions, hashes and the conditions under which each is needed.
 * Development groups are left out.
 */
export function requirementsOfLock(lock: UvLock): { lines: string[]; local: string[] } {
  const packages = lock.package ?? []
  const root = packages.find(({ source }) => source.editable === '.' || source.virtual === '.')
  const conditions = new Map<LockedPackage, Set<string>>()
  const local = new Set<string>()

  const visit = (dependency: LockedDependency, above: string, path: readonly LockedPackage[]): void => {
    const found = packages.find(
      ({ name, version }) =>
        name === dependency.name && (dependency.version === undefined || version === dependency.version),
    )
    if (!found || path.includes(found)) return
    const condition = [above, dependency.marker && `(${dependency.marker})`].filter(Boolean).join(' and ')
    const known = conditions.get(found) ?? new Set<string>()
    const isNew = !known.has(condition) && !known.has('')
    known.add(condition)
    conditions.set(found, known)
    if (!isNew && !dependency.extra?.length) return
    const extras = (dependency.extra ?? []).flatMap((extra) => found['optional-dependencies']?.[extra] ?? [])
    for (const next of [...(found.dependencies ?? []), ...extras]) visit(next, condition, [...path, found])
  }
  for (const dependency of root?.dependencies ?? []) visit(dependency, '', root ? [root] : [])

  const isHashable = [...conditions.keys()].every(
    ({ source }) => source.registry !== undefined || source.url !== undefined,
  )
  const lines = [...conditions].map(([found, markers]) => {
    const marker = markers.has('') ? '' : ` ; ${[...markers].sort().join(' or ')}`
    const hashes = isHashable
      ? [found.sdist?.hash, ...(found.wheels ?? []).map(({ hash }) => hash)].filter(Boolean).sort()
      : []
    return `${requirementOf(found, local)}${marker}${hashes.map((hash) => ` --hash=${hash}`).join('')}`
  })
  return { lines: lines.sort(), local: [...local] }
}

function requirementOf({ name, version, source }: LockedPackage, local: Set<string>): string {
  const folder = source.directory ?? source.editable ?? source.virtual ?? source.path
  if (folder !== undefined) {
    local.add(folder)
    return `./${folder}`
  }
  if (source.git !== undefined) {
    const [url, commit] = source.git.split('#')
    return `${name} @ git+${url!.split('?')[0]}${commit ? `@${commit}` : ''}`
  }
  return source.url === undefined ? `${name}==${version}` : `${name} @ ${source.url}`
}
