/** Names of images, as people and tools write them. */
import { refusals } from './messages.ts'

export interface Reference {
  /** Host, with a port where it has one; `docker.io` where none was written. */
  registry: string
  repository: string
  tag: string | null
  /** `sha256:...` */
  digest: string | null
}

const PART = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const REPOSITORY = new RegExp(`^${PART}(?:/${PART})*$`)
const REGISTRY = /^(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::\d{1,5})?$/
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/
const DIGEST = /^sha256:[0-9a-f]{64}$/
const LONGEST_REPOSITORY = 255

/** `node:24`, `ghcr.io/team/app@sha256:...`, `registry:5000/app:tag@sha256:...`. Throws BAD_INPUT. */
export function parseReference(text: string): Reference {
  const [named, digest = null, ...rest] = text.split('@')
  if (rest.length > 0 || (digest !== null && !DIGEST.test(digest)))
    throw refusals.badReference(text, 'after @ stands sha256: and 64 hexadecimal digits')
  const colon = named!.lastIndexOf(':')
  const hasTag = colon > named!.lastIndexOf('/')
  const tag = hasTag ? named!.slice(colon + 1) : null
  if (tag !== null && !TAG.test(tag)) throw refusals.badReference(text, `“${tag}” can be no tag`)
  const place = parsePlace(hasTag ? named!.slice(0, colon) : named!)
  if (!place) throw refusals.badReference(text, 'a repository is lower case letters, digits and . _ - /')
  return { ...place, tag: tag ?? (digest === null ? 'latest' : null), digest }
}

/** Where images are pushed to: `registry.example.com/team/app`. Throws BAD_INPUT. */
export function parseRepository(text: string): { registry: string; repository: string } {
  const place = parsePlace(text)
  if (!place) throw refusals.badRepository(text)
  return place
}

/** As Docker reads them: the first part is a registry where it looks like a host, else it is Docker Hub. */
function parsePlace(text: string): { registry: string; repository: string } | null {
  const slash = text.indexOf('/')
  const first = slash < 0 ? '' : text.slice(0, slash)
  const isHost = /[.:]/.test(first) || first === 'localhost'
  const registry = isHost ? first : 'docker.io'
  const path = isHost ? text.slice(slash + 1) : text
  const repository = registry === 'docker.io' && !path.includes('/') ? `library/${path}` : path
  const isWell =
    REGISTRY.test(registry) && REPOSITORY.test(repository) && repository.length <= LONGEST_REPOSITORY
  return isWell ? { registry: registry === 'index.docker.io' ? 'docker.io' : registry, repository } : null
}

/** What a registry is asked for: the digest where it is known. */
export function wantedOf({ tag, digest }: Reference): string {
  return digest ?? tag!
}

/** Name, tag and digest, as far as they are known. */
export function formatReference({ registry, repository, tag, digest }: Reference): string {
  return `${registry}/${repository}${tag === null ? '' : `:${tag}`}${digest === null ? '' : `@${digest}`}`
}
