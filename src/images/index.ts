/**
 * Images without Docker: an artifact over a base image goes to a registry, layer by layer, and nothing is sent that is
 * there. The only room that knows the words of registries; it knows no engine, no release and no tree store.
 */
import { TowError } from '../api/errors.ts'
import type { Problem } from '../api/observation.ts'
import { numbersOf } from './accounts.ts'
import { misfitOfPlatform } from './base.ts'
import { createKnowledge, type Knowledge } from './blobs.ts'
import { checkRegistry, problemOf } from './check.ts'
import { type BaseRequest, findBase } from './find-base.ts'
import { type Image, type ImagePlatform, readImage } from './image.ts'
import { type ProgramRequest, pushProgram } from './program.ts'
import { type PushedImage, type PushRequest, type PushTools, pushImage } from './push.ts'
import { formatReference, parseReference } from './reference.ts'
import { connectRegistry, type Registry, type RegistryOptions } from './registry.ts'

export type { Bases } from './base.ts'
export { type CredentialSource, type Credentials, dockerCredentials } from './credentials.ts'
export type { BaseRequest } from './find-base.ts'
export type { ImagePlatform } from './image.ts'
export { createLookup } from './lookup.ts'
export type { ProgramRequest } from './program.ts'
export type { PushedImage, PushRequest } from './push.ts'
export type { RegistryOptions } from './registry.ts'

/** An image that was made elsewhere, and what it says of itself. */
export interface ResolvedImage {
  /** Pinned to the digest that its name led to: `ghcr.io/team/app@sha256:...`. */
  reference: string
  platform: ImagePlatform
  env: Record<string, string>
  /** TCP ports that it says it listens on. */
  ports: number[]
  /** Entrypoint and arguments; empty where it tells none. */
  command: string[]
  /** By number where the image tells; as it writes it where it does not. Empty for root. */
  user: string
  workdir: string
  /** Bytes, compressed. */
  size: number
}

export interface Images {
  /** Sends what the registry lacks. REFUSED where the artifact does not fit its base; then nothing was sent. */
  push(request: PushRequest, signal?: AbortSignal): Promise<PushedImage>
  /** The same for a program of our own. */
  program(request: ProgramRequest, signal?: AbortSignal): Promise<PushedImage>
  /**
   * The judgement of a push with nothing sent: null where the artifact fits its base, else `platform` (system, processor,
   * C library) or `runtime-missing` (language, version). Throws where the base cannot be read.
   */
  refuses(request: BaseRequest, signal?: AbortSignal): Promise<Problem | null>
  /** NOT_FOUND where there is no such image, REFUSED where it is none for the platform. */
  resolve(reference: string, platform: ImagePlatform, signal?: AbortSignal): Promise<ResolvedImage>
  /** Why an image can't be had for the platform; null where it can. */
  lacks(reference: string, platform: ImagePlatform, signal?: AbortSignal): Promise<Problem | null>
  /** Whether a registry (or a folder in one) answers and lets this login push and pull; none is well. */
  check(place: string, signal?: AbortSignal): Promise<Problem[]>
}

/** One for a set of logins: it remembers tokens, and which blobs lie where. There is nothing to close. */
export function createImages(options: RegistryOptions): Images {
  const registries = new Map<string, Registry>()
  const known = new Map<string, Knowledge>()
  const tools: PushTools = {
    registry: (name) => orMake(registries, name, () => connectRegistry(name, options)),
    knowledge: (name) => orMake(known, name, createKnowledge),
    looked: new Map(),
    images: new Map(),
  }
  return {
    push: (request, signal) => pushImage(tools, request, signal),
    program: (request, signal) =>
      pushProgram((image, within) => pushImage(tools, image, within), request, signal),
    async refuses(request, signal) {
      if (request.artifact.image) {
        const impossible = misfitOfPlatform(request.artifact, request.platform)
        return impossible && problemOf(impossible.refusal, impossible.code)
      }
      try {
        const { misfit } = await findBase(tools, request, signal)
        return misfit && problemOf(misfit.refusal, misfit.code)
      } catch (error) {
        // A registry that does not answer has not said no.
        if (!(error instanceof TowError) || error.code === 'UNAVAILABLE') throw error
        const problem = problemOf(error, 'base-image')
        return { ...problem, message: `${problem.message}: the app would stand on it` }
      }
    },
    async lacks(name, platform, signal) {
      try {
        const reference = parseReference(name)
        await readImage(tools.registry(reference.registry), reference, platform, signal)
        return null
      } catch (error) {
        if (!(error instanceof TowError)) throw error
        return problemOf(error, 'base-image')
      }
    },
    async resolve(name, platform, signal) {
      const reference = parseReference(name)
      const registry = tools.registry(reference.registry)
      const image = await readImage(registry, reference, platform, signal)
      const said = image.config.config?.User ?? ''
      const user = isByNumber(said) ? said : ((await numbersOf(registry, image, signal)) ?? said)
      return { ...describe(image, platform), user }
    },
    check: (place, signal) => checkRegistry(tools.registry, place, signal),
  }
}

function describe(
  { reference, config: { config }, manifest }: Image,
  platform: ImagePlatform,
): Omit<ResolvedImage, 'user'> {
  const env = (config?.Env ?? []).map((line) => {
    const at = line.indexOf('=')
    return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)]
  })
  return {
    reference: formatReference({ ...reference, tag: null }),
    platform,
    env: Object.fromEntries(env),
    ports: Object.keys(config?.ExposedPorts ?? {}).flatMap((port) => {
      const [, number] = /^(\d{1,5})(?:\/tcp)?$/.exec(port) ?? []
      return number === undefined ? [] : [Number(number)]
    }),
    command: [...(config?.Entrypoint ?? []), ...(config?.Cmd ?? [])],
    workdir: config?.WorkingDir || '/',
    size: manifest.layers.reduce((sum, { size }) => sum + size, 0),
  }
}

/** Also nobody at all, which is root: nothing has to be looked up. */
function isByNumber(user: string): boolean {
  return /^(?:\d*|root)(?::\d+)?$/.test(user)
}

function orMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
