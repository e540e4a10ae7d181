/** Base images: which one an artifact stands on, what it holds, and whether the two fit. Pure but for the look inside. */
import semver from 'semver'
import type { Artifact } from '../api/app-spec.ts'
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

/** REFUSED with the way out where the artifact would not run on the base; nothing was sent then. Else what stays unknown. */
export function refuseMisfit(
  { platform, runtime }: Pick<Artifact, 'platform' | 'runtime'>,
  base: Image,
  wanted: ImagePlatform,
  inside: Inside | null,
): string[] {
  const name = formatReference({ ...base.reference, digest: null })
  if (platform !== 'any') {
    const { os, arch, libc } = platform
    if (os !== wanted.os || arch !== wanted.arch)
      throw refusals.otherPlatform(`${os}/${arch}`, platformName(wanted))
    if (libc && inside && !inside.libcs.includes(libc)) throw refusals.otherLibc(libc, name, inside.libcs)
  }
  if (runtime.name === 'none') return []
  const version = versionSaid(base, runtime.name) ?? inside?.versions[runtime.name]
  if (version === undefined) throw refusals.noRuntime(name, runtime)
  if (version === '') return [`${name} does not tell its version of ${runtime.name}: it was not compared`]
  if (!satisfies(version, runtime.range)) throw refusals.otherVersion(name, runtime, version)
  return []
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
