/** This machine in the words of an artifact, and why one does not run on it. */
import { readdirSync } from 'node:fs'
import type { Artifact, Platform } from '../../api/app-spec.ts'
import type { Problem } from '../engine.ts'

type Machine = Exclude<Platform, 'any'>

/** What artifacts run here. */
export function thisMachine(): Machine {
  const os = process.platform === 'darwin' ? 'darwin' : 'linux'
  const arch = process.arch === 'arm64' ? 'arm64' : 'x64'
  return os === 'linux' ? { os, arch, libc: hasMusl() ? 'musl' : 'glibc' } : { os, arch }
}

function hasMusl(): boolean {
  try {
    return readdirSync('/lib').some((name) => name.startsWith('ld-musl-'))
  } catch {
    return false
  }
}

/** The engine on this machine starts processes, no containers. */
export function imageProblem(reference: string): Problem {
  return {
    code: 'platform',
    message: `the engine on this machine runs no containers, and ${reference} is an image`,
    hint: 'ship it to an environment on Kubernetes (tow env add <name> --engine kubernetes, then -e <name>), or ship its source with tow ship',
  }
}

/** Pure: null when it fits. */
export function platformProblem(
  artifact: Pick<Artifact, 'platform' | 'image'>,
  machine: Machine,
): Problem | null {
  const { platform, image } = artifact
  if (image) return imageProblem(image.reference)
  if (platform === 'any') return null
  const fits =
    platform.os === machine.os &&
    platform.arch === machine.arch &&
    (platform.libc === undefined || platform.libc === machine.libc)
  if (fits) return null
  return {
    code: 'platform',
    message: `it was built for ${describe(platform)}, and this machine is ${describe(machine)}`,
    hint: 'build it on a machine of that kind, or without native code',
  }
}

function describe({ os, arch, libc }: Machine): string {
  return [os, arch, libc].filter(Boolean).join(' ')
}
