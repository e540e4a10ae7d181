/** The blobs of an image on their way into one repository: what is there is not sent, what is near is mounted. */
import { TowError } from '../api/errors.ts'
import { discard } from './http.ts'
import type { Registry } from './registry.ts'
import { hasBlob, uploadBlob } from './upload.ts'

export type How = 'sent' | 'mounted' | 'there'

/** Which repositories of a registry were seen to hold a blob. It may be wrong: registries throw away. */
export interface Knowledge {
  holds(repository: string, digest: string): boolean
  /** A repository that holds it, null where none is known. */
  holder(digest: string): string | null
  note(repository: string, digest: string): void
  forget(repository: string): void
}

/** Blobs; the oldest are forgotten first. */
const REMEMBERED = 20_000

export function createKnowledge(): Knowledge {
  const holders = new Map<string, Set<string>>()
  return {
    holds: (repository, digest) => holders.get(digest)?.has(repository) ?? false,
    holder: (digest) => holders.get(digest)?.values().next().value ?? null,
    note(repository, digest) {
      const known = holders.get(digest) ?? new Set()
      holders.delete(digest)
      holders.set(digest, known.add(repository))
      if (holders.size > REMEMBERED) holders.delete(holders.keys().next().value!)
    },
    forget(repository) {
      for (const known of holders.values()) known.delete(repository)
    },
  }
}

export interface BlobTarget {
  registry: Registry
  repository: string
  knowledge: Knowledge
  sent: (bytes: number) => void
  signal?: AbortSignal | undefined
}

export interface BlobSource {
  digest: string
  /** Bytes. */
  size: number
  content: () => AsyncIterable<Uint8Array>
  /** A repository of the same registry that is sure to hold it. */
  mountFrom?: string | undefined
  /** Made for this image alone, so that asking whether it is there costs more than it spares. */
  isNew?: boolean
  /** Told when bytes have to travel. */
  onSend?: () => void
}

export async function provideBlob(target: BlobTarget, source: BlobSource): Promise<How> {
  const { registry, repository, knowledge, signal } = target
  const { digest } = source
  if (knowledge.holds(repository, digest)) return 'there'
  const how = await bring()
  knowledge.note(repository, digest)
  return how

  async function bring(): Promise<How> {
    const known = source.mountFrom
    if (known === repository) return 'there'
    const isAsked = known === undefined && !source.isNew
    if (isAsked && (await hasBlob(registry, repository, digest, signal))) return 'there'
    const from = source.isNew ? null : (known ?? knowledge.holder(digest))
    const mounted = from === null ? null : await mount(target, digest, from)
    if (mounted === true) return 'mounted'
    source.onSend?.()
    const { size, content } = source
    await uploadBlob({ ...target, digest, size, content }, mounted)
    return 'sent'
  }
}

/**
 * True where the registry took it from its other repository; else an upload that it has opened, or null. A login that
 * may not read there sends instead.
 */
async function mount(
  { registry, repository, signal }: BlobTarget,
  digest: string,
  from: string,
): Promise<true | URL | null> {
  const query = new URLSearchParams({ mount: digest, from })
  try {
    const response = await registry.call({
      method: 'POST',
      to: `${repository}/blobs/uploads/?${query}`,
      repository,
      action: 'push',
      reads: from,
      signal,
    })
    const location = response.headers.get('location')
    await discard(response)
    if (response.status === 201) return true
    return response.status === 202 ? registry.locate(location, 'a mount') : null
  } catch (error) {
    if (error instanceof TowError && error.code === 'REFUSED') return null
    throw error
  }
}
