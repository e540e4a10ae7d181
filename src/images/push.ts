/** An artifact becomes an image in a registry: base below, layers above, documents beside; only what is missing travels. */
import type { Artifact, Origin } from '../api/app-spec.ts'
import { assemble } from './assemble.ts'
import { type Attachment, attach } from './attach.ts'
import { type BlobSource, type BlobTarget, type How, type Knowledge, provideBlob } from './blobs.ts'
import { digestOf, verified } from './digest.ts'
import { type BaseRequest, type BaseTools, findBase } from './find-base.ts'
import { type Image, readBlobFrom } from './image.ts'
import { compressLayer, type LayerEntry, packLayer, type ReadBlob } from './layer.ts'
import { headManifest, putManifest } from './manifest.ts'
import { refusals } from './messages.ts'
import { PREDICATE, provenanceOf } from './provenance.ts'
import { formatReference, parseRepository } from './reference.ts'

export interface PushRequest extends BaseRequest {
  artifact: Artifact
  app: string
  /** Where the source came from, for the provenance. */
  origin?: Origin
  /** Entries of a layer's tree; asked only for what the registry lacks. */
  entries(tree: string): Promise<readonly LayerEntry[]>
  readBlob: ReadBlob
  /** `registry.example.com/team/app`. */
  repository: string
  /** Told what the image will be called, before anything of it is sent. */
  named?: (reference: string) => void
}

export interface PushedLayer {
  from: 'base' | Artifact['layers'][number]['kind']
  digest: string
  /** Bytes, compressed. */
  size: number
  how: How
}

export interface PushedImage {
  /** `registry.example.com/team/app@sha256:...`. */
  reference: string
  /** Pinned; given back as the base it makes the very same image. */
  base: string
  /** In the bodies of requests. */
  bytesSent: number
  layers: PushedLayer[]
  /** What could not be judged. */
  notes: string[]
}

export interface PushTools extends BaseTools {
  knowledge(registry: string): Knowledge
}

/** One image for one platform. Repeating it sends nothing. */
export async function pushImage(
  tools: PushTools,
  request: PushRequest,
  signal?: AbortSignal,
): Promise<PushedImage> {
  // When one layer fails, the others are not sent on for nothing.
  const failed = new AbortController()
  try {
    return await push(tools, request, AbortSignal.any([failed.signal, ...(signal ? [signal] : [])]))
  } catch (error) {
    failed.abort(error)
    throw error
  }
}

async function push(tools: PushTools, request: PushRequest, signal: AbortSignal): Promise<PushedImage> {
  const { artifact, app } = request
  const place = parseRepository(request.repository)
  const found = await findBase(tools, request, signal)
  if (found.misfit) throw found.misfit.refusal
  const { base, notes } = found
  const image = assemble(artifact, app, base)

  let bytesSent = 0
  const registry = tools.registry(place.registry)
  const knowledge = tools.knowledge(place.registry)
  const sent = (bytes: number) => {
    bytesSent += bytes
  }
  const target: BlobTarget = { registry, repository: place.repository, knowledge, sent, signal }
  const reference = formatReference({ ...place, tag: null, digest: image.manifest.digest })
  request.named?.(reference)
  const finished = (layers: PushedLayer[]): PushedImage => ({
    reference,
    base: formatReference(base.reference),
    bytesSent,
    layers,
    notes,
  })
  const sources = [...baseLayers(tools, base, place, signal), ...ownLayers(request)]

  const tag = tagOf(image.manifest.digest)
  if ((await headManifest(registry, place.repository, tag, 'push', signal)) === image.manifest.digest)
    return finished(sources.map(({ from, digest, size }) => ({ from, digest, size, how: 'there' })))

  const putBlob = async (bytes: Uint8Array, isNew = false) => {
    await provideBlob(target, {
      digest: digestOf(bytes),
      size: bytes.length,
      content: () => once(bytes),
      isNew,
    })
  }
  const putLayer = async ({ from, ...source }: LayerSource): Promise<PushedLayer> => {
    const onSend = () => request.progress?.(`sending ${sizeOf(source.size)} of ${from}`)
    const how = await provideBlob(target, { ...source, onSend })
    return { from, digest: source.digest, size: source.size, how }
  }
  /** Null where the registry lacks what it was known to have. */
  const putAll = async (): Promise<PushedLayer[] | null> => {
    const documents = await documentsOf(request, base, image.manifest.digest)
    const [layers, attached] = await Promise.all([
      inParallel(sources, putLayer),
      attach({ ...target, image: image.manifest, putBlob }, documents),
      putBlob(image.config.bytes, true),
    ])
    if (attached === 'blobs-missing') return null
    const { outcome } = await putManifest({ ...target, name: tag, document: image.manifest })
    return outcome === 'kept' ? layers : null
  }
  const layers = await putAll()
  if (layers) return finished(layers)
  // What was known to be there has been thrown away by the registry since: everything is looked for anew.
  knowledge.forget(place.repository)
  const again = await putAll()
  if (!again) throw refusals.lostUpload(place.registry)
  return finished(again)
}

/** A tag of its own: registries throw away what no tag names. (`sha256-...` is what referrers are listed under.) */
const tagOf = (digest: string) => `tow-${digest.slice('sha256:'.length, 'sha256:'.length + 32)}`

type LayerSource = BlobSource & { from: PushedLayer['from'] }

function baseLayers(
  { registry }: PushTools,
  { reference, manifest }: Image,
  place: { registry: string },
  signal: AbortSignal | undefined,
): LayerSource[] {
  const isNear = reference.registry === place.registry
  return manifest.layers.map(({ digest, size }) => ({
    from: 'base',
    digest,
    size,
    content: () => readBlobFrom(registry(reference.registry), reference.repository, digest, signal),
    ...(isNear && { mountFrom: reference.repository }),
  }))
}

function ownLayers({ artifact, entries, readBlob }: PushRequest): LayerSource[] {
  const prefix = artifact.config.workdir.slice(1)
  return artifact.layers.map(({ kind, tree, digest, size }) => ({
    from: kind,
    digest,
    size,
    content: async function* () {
      const packed = packLayer(await entries(tree), readBlob, { prefix })
      yield* verified(compressLayer(packed), digest, refusals.otherLayer)
    },
  }))
}

async function documentsOf(
  { artifact, app, origin = {}, repository, readBlob }: PushRequest,
  base: Image,
  digest: string,
): Promise<Attachment[]> {
  const sbom: Uint8Array[] = []
  for await (const part of readBlob(artifact.sbom)) sbom.push(part)
  const provenance = provenanceOf({ artifact, app, origin, base, repository, digest })
  return [
    { type: 'application/vnd.cyclonedx+json', bytes: Buffer.concat(sbom) },
    {
      type: 'application/vnd.in-toto+json',
      bytes: Buffer.from(JSON.stringify(provenance)),
      annotations: { 'in-toto.io/predicate-type': PREDICATE },
      isNew: true,
    },
  ]
}

async function* once(bytes: Uint8Array) {
  yield bytes
}

/** Uploads at a time: each holds a chunk in memory. */
const AT_A_TIME = 4

async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const worker = async () => {
    for (let index = next++; index < items.length; index = next++) results[index] = await work(items[index]!)
  }
  await Promise.all(Array.from({ length: Math.min(AT_A_TIME, items.length) }, worker))
  return results
}

const sizeOf = (bytes: number) =>
  bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(bytes / 1e3))} kB`
