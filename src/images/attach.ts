/** Documents about an image, attached to it where tools look for them: as referrers, or under the tag that stands in. */
import { digestOf } from './digest.ts'
import { type Descriptor, type Encoded, encode, getManifest, MEDIA, putManifest } from './manifest.ts'
import type { Registry } from './registry.ts'

export interface Attachment {
  /** Media type of the document, and what kind of referrer it is. */
  type: string
  bytes: Uint8Array
  annotations?: Record<string, string>
  /** It speaks of this image alone. */
  isNew?: boolean
}

export interface AttachTarget {
  registry: Registry
  repository: string
  image: Encoded
  putBlob: (bytes: Uint8Array, isNew?: boolean) => Promise<void>
  sent: (bytes: number) => void
  signal?: AbortSignal | undefined
}

const EMPTY = Buffer.from('{}')

/** The manifest of one document. Pure. */
function referrerOf(image: Encoded, { type, bytes, annotations }: Attachment): Encoded {
  return encode(MEDIA.manifest, {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    artifactType: type,
    config: { mediaType: MEDIA.empty, digest: digestOf(EMPTY), size: EMPTY.length },
    layers: [{ mediaType: type, digest: digestOf(bytes), size: bytes.length }],
    subject: descriptor(image),
    ...(annotations && { annotations }),
  })
}

const descriptor = ({ mediaType, digest, bytes }: Encoded) => ({ mediaType, digest, size: bytes.length })

/**
 * The image itself may come afterwards: registries take what refers to a manifest that they do not have yet. So the
 * image is the last thing to appear, and never without what belongs to it.
 */
export async function attach(
  target: AttachTarget,
  attachments: readonly Attachment[],
): Promise<'kept' | 'blobs-missing'> {
  const { registry, repository, image, putBlob, sent, signal } = target
  await Promise.all([putBlob(EMPTY), ...attachments.map(({ bytes, isNew }) => putBlob(bytes, isNew))])
  const referrers = attachments.map((attachment) => ({
    ...attachment,
    document: referrerOf(image, attachment),
  }))
  const answers = await Promise.all(
    referrers.map(({ document }) =>
      putManifest({ registry, repository, name: document.digest, document, sent, signal }),
    ),
  )
  if (answers.some(({ outcome }) => outcome === 'blobs-missing')) return 'blobs-missing'
  if (answers.every(({ keepsReferrers }) => keepsReferrers)) return 'kept'
  await listUnderTag(
    target,
    referrers.map(({ document, type, annotations }) => ({
      ...descriptor(document),
      artifactType: type,
      ...(annotations && { annotations }),
    })),
  )
  return 'kept'
}

/** The tag that the specification gives to a registry's missing list: `sha256-` and the digest of the image. */
const referrersTag = (digest: string) => digest.replace(':', '-')

async function listUnderTag(
  { registry, repository, image, sent, signal }: AttachTarget,
  added: readonly Descriptor[],
): Promise<void> {
  const tag = referrersTag(image.digest)
  const found = await getManifest(registry, repository, tag, signal)
  const there = found?.kind === 'index' ? found.index.manifests : []
  const missing = added.filter(({ digest }) => !there.some((one) => one.digest === digest))
  if (missing.length === 0) return
  const document = encode(MEDIA.index, {
    schemaVersion: 2,
    mediaType: MEDIA.index,
    manifests: [...there, ...missing],
  })
  await putManifest({ registry, repository, name: tag, document, sent, signal })
}
