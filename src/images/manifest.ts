/** Manifests: the documents that say which blobs make an image. Their shapes, and how they travel. */
import * as z from 'zod'
import { digestOf, readBounded } from './digest.ts'
import { discard } from './http.ts'
import { refusals } from './messages.ts'
import type { Action, Registry } from './registry.ts'

export const MEDIA = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  gzipLayer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  zstdLayer: 'application/vnd.oci.image.layer.v1.tar+zstd',
  empty: 'application/vnd.oci.empty.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar',
  dockerGzipLayer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
} as const

const Digest = z.string().regex(/^sha256:[0-9a-f]{64}$/)

const DescriptorShape = z.object({
  mediaType: z.string(),
  digest: Digest,
  size: z.int().min(0),
  artifactType: z.string().optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  platform: z.object({ architecture: z.string(), os: z.string(), variant: z.string().optional() }).optional(),
})
export type Descriptor = z.infer<typeof DescriptorShape>

const ManifestShape = z.object({
  mediaType: z.string().optional(),
  config: DescriptorShape,
  layers: z.array(DescriptorShape).max(1000),
})
export type Manifest = z.infer<typeof ManifestShape>

const IndexShape = z.object({
  mediaType: z.string().optional(),
  manifests: z.array(DescriptorShape).max(10_000),
})
export type Index = z.infer<typeof IndexShape>

export type Found = { digest: string } & (
  | { kind: 'manifest'; manifest: Manifest }
  | { kind: 'index'; index: Index }
)

/** What the specification asks registries to keep at least; nobody's are larger. */
const LARGEST = 4 * 1024 ** 2
const ACCEPTED = [MEDIA.manifest, MEDIA.index, MEDIA.dockerManifest, MEDIA.dockerIndex].join(', ')

/** Null where there is none. The digest is that of the bytes received, compared with the one asked for or promised. */
export async function getManifest(
  registry: Registry,
  repository: string,
  wanted: string,
  signal?: AbortSignal,
): Promise<Found | null> {
  const name = `${registry.name}/${repository}:${wanted}`.replace(':sha256:', '@sha256:')
  const response = await registry.call({
    method: 'GET',
    to: `${repository}/manifests/${wanted}`,
    repository,
    action: 'pull',
    headers: { accept: ACCEPTED },
    signal,
  })
  if (response.status === 404) {
    await discard(response)
    return null
  }
  if (!response.ok) throw await registry.failure(response, `the manifest of ${name}`)
  const bytes = await readBounded(response, LARGEST, `The manifest of ${name}`)
  const digest = digestOf(bytes)
  const promised = wanted.startsWith('sha256:') ? wanted : response.headers.get('docker-content-digest')
  if (promised !== null && promised !== digest)
    throw refusals.otherBytes(`The manifest of ${name}`, promised, digest)
  return { digest, ...read(name, bytes, response.headers.get('content-type')) }
}

function read(
  name: string,
  bytes: Buffer,
  contentType: string | null,
): { kind: 'manifest'; manifest: Manifest } | { kind: 'index'; index: Index } {
  const document = parseJson(bytes)
  const index = IndexShape.safeParse(document)
  if (index.success) return { kind: 'index', index: index.data }
  const manifest = ManifestShape.safeParse(document)
  if (manifest.success) return { kind: 'manifest', manifest: manifest.data }
  throw refusals.notAnImage(name, contentType ?? 'something else')
}

export function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return null
  }
}

/** The digest that a tag has there, null where there is none or the registry does not tell. */
export async function headManifest(
  registry: Registry,
  repository: string,
  wanted: string,
  action: Action,
  signal?: AbortSignal,
): Promise<string | null> {
  const response = await registry.call({
    method: 'HEAD',
    to: `${repository}/manifests/${wanted}`,
    repository,
    action,
    headers: { accept: ACCEPTED },
    signal,
  })
  await discard(response)
  return response.ok ? response.headers.get('docker-content-digest') : null
}

export interface PutManifest {
  registry: Registry
  repository: string
  /** Tag or digest. */
  name: string
  document: Encoded
  sent: (bytes: number) => void
  signal?: AbortSignal | undefined
}

/** `blobs-missing` where the registry lacks something that the manifest names. */
export async function putManifest({
  registry,
  repository,
  name,
  document: { bytes, digest, mediaType },
  sent,
  signal,
}: PutManifest): Promise<{ outcome: 'kept' | 'blobs-missing'; keepsReferrers: boolean }> {
  sent(bytes.length)
  const response = await registry.call({
    method: 'PUT',
    to: `${repository}/manifests/${name}`,
    repository,
    action: 'push',
    headers: { 'content-type': mediaType },
    body: bytes,
    signal,
  })
  if (response.status === 201) {
    await discard(response)
    const kept = response.headers.get('docker-content-digest')
    if (kept !== null && kept !== digest) throw refusals.otherBytes('A manifest', digest, kept)
    return { outcome: 'kept', keepsReferrers: response.headers.has('oci-subject') }
  }
  const failure = await registry.failure(response, 'a manifest')
  if (/BLOB_UNKNOWN/.test(failure.message)) return { outcome: 'blobs-missing', keepsReferrers: false }
  throw failure
}

export interface Encoded {
  bytes: Buffer
  digest: string
  mediaType: string
}

/** The same document is always the same bytes: keys stand in the order in which they were written. */
export function encode(mediaType: string, document: unknown): Encoded {
  const bytes = Buffer.from(JSON.stringify(document))
  return { bytes, digest: digestOf(bytes), mediaType }
}
