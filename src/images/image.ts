/** Images as they lie in a registry: found by name, taken for one platform, read with every byte compared. */
import * as z from 'zod'
import { digestOf, readBounded, verified } from './digest.ts'
import { discard } from './http.ts'
import { type Descriptor, getManifest, type Index, type Manifest, parseJson } from './manifest.ts'
import { refusals } from './messages.ts'
import { formatReference, type Reference, wantedOf } from './reference.ts'
import type { Registry } from './registry.ts'

/** In the words of the house; registries say amd64 for x64. */
export interface ImagePlatform {
  os: 'linux'
  arch: 'x64' | 'arm64'
}

const ConfigShape = z.object({
  architecture: z.string(),
  os: z.string(),
  variant: z.string().optional(),
  config: z
    .object({
      Env: z.array(z.string()).nullish(),
      User: z.string().nullish(),
      WorkingDir: z.string().nullish(),
      Entrypoint: z.array(z.string()).nullish(),
      Cmd: z.array(z.string()).nullish(),
      ExposedPorts: z.record(z.string(), z.unknown()).nullish(),
    })
    .nullish(),
  rootfs: z.object({ diff_ids: z.array(z.string()) }),
  history: z.array(z.looseObject({ empty_layer: z.boolean().optional() })).nullish(),
})
export type ImageConfig = z.infer<typeof ConfigShape>

export interface Image {
  /** With the digest that its name led to: of an index where it is one. */
  reference: Reference
  manifest: Manifest
  config: ImageConfig
}

export const ARCHITECTURES = { x64: 'amd64', arm64: 'arm64' } as const

export const platformName = ({ os, arch }: ImagePlatform) => `${os}/${arch}`

/** NOT_FOUND where there is none, REFUSED where it is none for the platform. */
export async function readImage(
  registry: Registry,
  reference: Reference,
  platform: ImagePlatform,
  signal?: AbortSignal,
): Promise<Image> {
  const { repository } = reference
  // As people wrote it: the digest that a tag leads to says nothing to them.
  const name = formatReference(reference.tag === null ? reference : { ...reference, digest: null })
  const found = await getManifest(registry, repository, wantedOf(reference), signal)
  if (!found) throw refusals.noImage(name)
  const pinned = { ...reference, digest: found.digest }
  let manifest = found.kind === 'manifest' ? found.manifest : null
  if (found.kind === 'index') {
    const chosen = choosePlatform(found.index, platform)
    if (!chosen) throw refusals.noPlatform(name, platformName(platform), platformsOf(found.index))
    const inner = await getManifest(registry, repository, chosen.digest, signal)
    if (!inner) throw refusals.noImage(`${registry.name}/${repository}@${chosen.digest}`)
    if (inner.kind !== 'manifest') throw refusals.notAnImage(name, 'an index of indexes')
    manifest = inner.manifest
  }
  const config = await readConfig(registry, repository, name, manifest!, signal)
  const isFitting = config.os === platform.os && config.architecture === ARCHITECTURES[platform.arch]
  if (!isFitting) {
    throw refusals.noPlatform(name, platformName(platform), [`${config.os}/${ourArch(config.architecture)}`])
  }
  return { reference: pinned, manifest: manifest!, config }
}

/** An index may list several variants of an architecture; the first is the one that registries mean for everybody. */
function choosePlatform({ manifests }: Index, { os, arch }: ImagePlatform): Descriptor | undefined {
  return manifests.find(
    ({ platform }) => platform?.os === os && platform.architecture === ARCHITECTURES[arch],
  )
}

function platformsOf({ manifests }: Index): string[] {
  const named = manifests.flatMap(({ platform }) =>
    platform && platform.os !== 'unknown' ? [`${platform.os}/${ourArch(platform.architecture)}`] : [],
  )
  return [...new Set(named)]
}

const ourArch = (architecture: string) => (architecture === 'amd64' ? 'x64' : architecture)

const LARGEST_CONFIG = 8 * 1024 ** 2

async function readConfig(
  registry: Registry,
  repository: string,
  name: string,
  { config: { digest }, layers }: Manifest,
  signal: AbortSignal | undefined,
): Promise<ImageConfig> {
  const response = await getBlob(registry, repository, digest, signal)
  const bytes = await readBounded(response, LARGEST_CONFIG, `The config of ${name}`)
  if (digestOf(bytes) !== digest) throw otherBlob(name)(digest, digestOf(bytes))
  const config = ConfigShape.safeParse(parseJson(bytes))
  if (!config.success) throw refusals.notAnImage(name, 'something with a config of another kind')
  if (config.data.rootfs.diff_ids.length !== layers.length)
    throw refusals.notAnImage(name, 'something whose config lists other layers than its manifest')
  return config.data
}

const otherBlob = (name: string) => (expected: string, found: string) =>
  refusals.otherBytes(`A part of ${name}`, expected, found)

/** The bytes of a blob, compared with its digest as they pass. */
export async function* readBlobFrom(
  registry: Registry,
  repository: string,
  digest: string,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const response = await getBlob(registry, repository, digest, signal)
  const name = `${registry.name}/${repository}`
  yield* verified((response.body ?? []) as AsyncIterable<Uint8Array>, digest, otherBlob(name))
}

async function getBlob(
  registry: Registry,
  repository: string,
  digest: string,
  signal: AbortSignal | undefined,
): Promise<Response> {
  const response = await registry.call({
    method: 'GET',
    to: `${repository}/blobs/${digest}`,
    repository,
    action: 'pull',
    signal,
  })
  if (response.status === 404) {
    await discard(response)
    throw refusals.noImage(`${registry.name}/${repository}@${digest}`)
  }
  if (!response.ok) throw await registry.failure(response, `a part of ${registry.name}/${repository}`)
  return response
}
