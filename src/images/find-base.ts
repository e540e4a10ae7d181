/** The base image of an artifact, found and judged: asked for by its name, read and looked into once. */
import type { Artifact } from '../api/app-spec.ts'
import {
  type Bases,
  baseFor,
  type Inside,
  type Misfit,
  misfitOfBase,
  misfitOfPlatform,
  needsLook,
} from './base.ts'
import { unlessAborted } from './http.ts'
import { type Image, type ImagePlatform, readImage } from './image.ts'
import { lookInside } from './look-inside.ts'
import { headManifest } from './manifest.ts'
import { formatReference, parseReference } from './reference.ts'
import type { Registry } from './registry.ts'

/** What stays between one question and the next. */
export interface BaseTools {
  registry(name: string): Registry
  /** What a base holds inside, by its digest and platform. */
  looked: Map<string, Promise<Inside>>
  /** By what names them for ever. */
  images: Map<string, Image>
}

export interface BaseRequest {
  artifact: Pick<Artifact, 'platform' | 'runtime' | 'image'>
  /** Base images by language; documented defaults for what is not here. A pinned one is what it says. */
  bases?: Bases
  /** Of the machines that will run it. */
  platform: ImagePlatform
  /** One line for people about each thing that takes a while. */
  progress?: (line: string) => void
}

/** The base that the artifact stands on, or why it runs on none that is asked for. Nothing is sent. */
export async function findBase(
  tools: BaseTools,
  request: BaseRequest,
  signal?: AbortSignal,
): Promise<{ misfit: Misfit } | { misfit: null; base: Image; notes: string[] }> {
  const { artifact, bases = {}, platform } = request
  const impossible = misfitOfPlatform(artifact, platform)
  if (impossible) return { misfit: impossible }
  const base = await readBase(tools, baseFor(artifact, bases), platform, signal)
  const inside = needsLook(artifact, base) ? await look(tools, base, request, signal) : null
  const { misfit, note } = misfitOfBase(artifact, base, inside)
  return misfit ? { misfit } : { misfit, base, notes: note === undefined ? [] : [note] }
}

/** What a digest names is remembered; where a tag leads is asked each time. */
async function readBase(
  { images, registry: connect }: BaseTools,
  name: string,
  platform: ImagePlatform,
  signal: AbortSignal | undefined,
): Promise<Image> {
  const reference = parseReference(name)
  const registry = connect(reference.registry)
  const { repository, tag } = reference
  const digest = reference.digest ?? (await headManifest(registry, repository, tag!, 'pull', signal))
  const known = images.get(`${platform.arch} ${formatReference({ ...reference, digest })}`)
  if (known) return known
  const image = await readImage(registry, { ...reference, digest }, platform, signal)
  images.set(`${platform.arch} ${formatReference(image.reference)}`, image)
  return image
}

function look(
  { looked, registry }: BaseTools,
  base: Image,
  { platform, progress }: BaseRequest,
  signal: AbortSignal | undefined,
): Promise<Inside> {
  const key = `${platform.arch} ${base.reference.digest}`
  const known = looked.get(key)
  if (known) return unlessAborted(known, signal)
  progress?.(`looking into ${formatReference({ ...base.reference, digest: null })}, once`)
  const looking = lookInside(registry(base.reference.registry), base)
  looked.set(key, looking)
  looking.catch(() => looked.delete(key))
  return unlessAborted(looking, signal)
}
