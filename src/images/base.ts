/** Base images: which one an artifact stands on, what it holds, and whether the two fit. Pure but for the look inside. */
import semver from 'semver'
import type { Artifact } from '../api/app-spec.ts'
import type { TowError } from '../api/errors.ts'
import { type Image, type ImagePlatform, platformName } from './image.ts'
import { refusals } from './messages.ts'
import { formatReference } from './reference.ts'

export type Language = Artifact['runtime']['name']
/** References; `{major}` and `{minor}` stand for the version that the build used. */
export type Bases = Partial<Record<Language, string>>

/** The newest Debian, because machine code built on an older one runs on it, and not the other way round. */
const DEFAULTS: Record<'glibc' | 'musl', Record<Language, string>> = {
  glibc: {
    node: 'docker.io/library/node:{major}-trixie-slim',
    python: 'docker.io/library/python:{major}.{minor}-slim-trixie',
    ruby: 'docker.io/library/ruby:{major}.{minor}-slim-trixie',
    none: 'docker.io/library/buildpack-deps:trixie-curl',
  },
  musl: {
    node: 'docker.io/library/node:{major}-alpine',
    python: 'docker.io/library/python:{major}.{minor}-alpine',
    ruby: 'docker.io/library/ruby:{major}.{minor}-alpine',
    none: 'docker.io/library/alpine:3.22',
  },
}

/** The base for an artifact: what is configured for its language, else the documented default. */
export function baseFor({ platform, runtime }: Pick<Artifact, 'platform' | 'runtime'>, bases: Bases): string {
  const [major = '', minor = ''] = runtime.version.split('.')
  const named = platform === 'any' ? undefined : platform.libc
  // A program that brings everything along needs a shell and certificates, and the smallest has them.
  const libc = named ?? (runtime.name === 'none' ? 'musl' : 'glibc')
  const reference = bases[runtime.name] ?? DEFAULTS[libc][runtime.name]
  return reference.replaceAll('{major}', major).replaceAll('{minor}', minor)
}

/** What was found by looking at the files of a base. */
export interface Inside {
  libcs: string[]
  /** Versions by language; `''` where the program is there and does not tell. */
  versions: Partial<Record<Language, string>>
}

/** Whether the base's own words are enough to judge, or its files have to be looked at. */
export function needsLook(
  { platform, runtime }: Pick<Artifact, 'platform' | 'runtime'>,
  base: Image,
): boolean {
  const needsLibc = platform !== 'any' && platform.libc !== undefined
  return needsLibc || (runtime.name !== 'none' && versionSaid(base, runtime.name) === null)
}

/** Official images tell by a variable, others by their name: `node:24`, `team/python:3.12-slim`. */
function versionSaid({ config, reference }: Image, language: Language): string | null {
  const variable = `${language.toUpperCase()}_VERSION=`
  const said = config.config?.Env?.find((line) => line.startsWith(variable))?.slice(variable.length)
  if (said) return said.replace(/^v/, '')
  const name = reference.repository.split('/').at(-1)!
  return name.includes(language) ? (/^v?(\d+(?:\.\d+){0,2})/.exec(reference.tag ?? '')?.[1] ?? null) : null
}

/** Why an artifact does not run: in the codes of problems, and as the refusal with the way out. */
export interface Misfit {
  code: 'platform' | 'runtime-missing'
  refusal: TowError
}

type Needs = Pick<Artifact, 'platform' | 'runtime'>

/** Whether machines of a kind can run it at all, whatever it stands on. */
export function misfitOfPlatform({ platform }: Needs, wanted: ImagePlatform): Misfit | null {
  if (platform === 'any' || (platform.os === wanted.os && platform.arch === wanted.arch)) return null
  const refusal = refusals.otherPlatform(`${platform.os}/${platform.arch}`, platformName(wanted))
  return { code: 'platform', refusal }
}

/** Whether it runs on the base; `note` where that could not be judged wholly. */
export function misfitOfBase(
  { platform, runtime }: Needs,
  base: Image,
  inside: Inside | null,
): { misfit: Misfit | null; note?: string } {
  const name = formatReference({ ...base.reference, digest: null })
  const libc = platform === 'any' ? undefined : platform.libc
  if (libc && inside && !inside.libcs.includes(libc))
    return { misfit: { code: 'platform', refusal: refusals.otherLibc(libc, name, inside.libcs) } }
  if (runtime.name === 'none') return { misfit: null }
  const version = versionSaid(base, runtime.name) ?? inside?.versions[runtime.name]
  if (version === undefined)
    return { misfit: { code: 'runtime-missing', refusal: refusals.noRuntime(name, runtime) } }
  if (version === '')
    return { misfit: null, note: `${name} does not tell its version of ${runtime.name}: it was not compared` }
  if (!satisfies(version, runtime.range))
    return { misfit: { code: 'runtime-missing', refusal: refusals.otherVersion(name, runtime, version) } }
  return { misfit: null }
}

/** A version that is told in part (`24`, `3.11`) fits where any such version does. */
function satisfies(version: string, range: string): boolean {
  try {
    return semver.valid(version) ? semver.satisfies(version, range) : semver.intersects(version, range)
  } catch {
    // A range that semver cannot read says nothing against it.
    return true
  }
}
