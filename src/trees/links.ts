/** Symbolic links stay inside their tree: decided from their texts alone, following links as a file system would. Pure. */
import { refusals } from './refusals.ts'

/** What Linux follows before it gives up (ELOOP); a longer chain opens nothing, so it leads nowhere outside either. */
const MOST_HOPS = 40

/**
 * Refuses the first link that leads out of the tree. `links` maps the path of each link to its target text; all other
 * names are taken for plain files and folders, present or not: a link that dangles inside is harmless.
 */
export function checkLinks(links: ReadonlyMap<string, string>): void {
  for (const [path, target] of links) {
    if (leaves(path, target, links)) throw refusals.linkLeaves(path, target)
  }
}

function leaves(path: string, target: string, links: ReadonlyMap<string, string>): boolean {
  if (target.startsWith('/')) return true
  const position = path.split('/').slice(0, -1)
  const ahead = target.split('/').reverse()
  for (let hops = 0; ahead.length > 0; ) {
    const segment = ahead.pop()!
    if (segment === '' || segment === '.') continue
    if (segment === '..') {
      if (position.length === 0) return true
      position.pop()
      continue
    }
    position.push(segment)
    const next = links.get(position.join('/'))
    if (next === undefined) continue
    if (next.startsWith('/')) return true
    if (++hops > MOST_HOPS) return false
    position.pop()
    ahead.push(...next.split('/').reverse())
  }
  return false
}
