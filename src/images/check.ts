/** Whether images can be pushed to a registry and pulled from it, asked without leaving anything behind. */

import { TowError } from '../api/errors.ts'
import type { Problem } from '../api/observation.ts'
import { discard } from './http.ts'
import { headManifest } from './manifest.ts'
import { parseRepository } from './reference.ts'
import type { Registry } from './registry.ts'

/** Never written to; registries that make repositories by themselves make none for an upload that is given up. */
const PROBE = 'tow-check'

/** `place` is a registry with or without a folder in it: `registry.example.com/team`. None is well. */
export async function checkRegistry(
  connect: (name: string) => Registry,
  place: string,
  signal?: AbortSignal,
): Promise<Problem[]> {
  try {
    const { registry: name, repository } = parseRepository(`${place.replace(/\/+$/, '')}/${PROBE}`)
    const registry = connect(name)
    await headManifest(registry, repository, 'none', 'pull', signal)
    await openAndGiveUp(registry, repository, signal)
    return []
  } catch (error) {
    if (!(error instanceof TowError)) throw error
    return [problemOf(error, error.code === 'UNAVAILABLE' ? 'registry-unreachable' : 'registry-refuses')]
  }
}

async function openAndGiveUp(
  registry: Registry,
  repository: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const call = { repository, action: 'push' as const, signal }
  const response = await registry.call({ ...call, method: 'POST', to: `${repository}/blobs/uploads/` })
  // Registries that make no repository by themselves say so, and have accepted the login.
  if (response.status === 404) return discard(response)
  if (response.status !== 202) throw await registry.failure(response, 'the beginning of an upload')
  await discard(response)
  const location = registry.locate(response.headers.get('location'), 'the beginning of an upload')
  // Not everybody who may push may delete; registries then forget it by themselves.
  await registry.call({ ...call, method: 'DELETE', to: location }).then(discard, () => {})
}

/** A refusal as something that is told, not thrown. */
export function problemOf({ message, hint }: TowError, code: string): Problem {
  return { code, message, ...(hint !== undefined && { hint }) }
}
