/** Everything the engine says about failures, in one place. Pure. */
import { TowError } from '../../api/errors.ts'
import type { Target } from '../engine.ts'
import { ClusterError } from './cluster/connect.ts'
import { nameOf } from './names.ts'

export function olderGeneration(target: Target, generation: number, inForce: number): TowError {
  return new TowError(
    'CONFLICT',
    `generation ${generation} of ${nameOf(target)} in ${target.environment} is older than ${inForce}, which is in force`,
  )
}

export function belongsToOther(app: string, namespace: string, platform: string): TowError {
  return new TowError(
    'REFUSED',
    `${app} in the namespace ${namespace} belongs to another platform (${platform})`,
    {
      hint: 'bind the environment to a namespace of its own, or remove the app there with the platform that made it',
    },
  )
}

export function otherEnvironment(target: Target, namespace: string, other: string): TowError {
  return new TowError(
    'REFUSED',
    `the namespace ${namespace} already runs ${nameOf(target)} for ${other}, so it cannot run it for ${target.environment} too`,
    { hint: 'bind each environment to a namespace of its own' },
  )
}

export function foreignObject(kind: string, name: string, namespace: string): TowError {
  return new TowError(
    'REFUSED',
    `there is a ${kind} "${name}" in the namespace ${namespace} that Towpath did not make, and it is left alone`,
    { hint: `rename or remove it: kubectl -n ${namespace} get ${kind.toLowerCase()} ${name}` },
  )
}

export function takenOver(target: Target): TowError {
  return new TowError(
    'CONFLICT',
    `another platform process looks after ${nameOf(target)} in ${target.environment} since`,
  )
}

export function engineClosed(): TowError {
  return new TowError('UNAVAILABLE', 'the Kubernetes engine is closed')
}

export function noSet(target: Target, set: string): TowError {
  return new TowError('NOT_FOUND', `no set ${set} of ${nameOf(target)} runs in ${target.environment}`)
}

export function imageIsFixed(target: Target): TowError {
  return new TowError(
    'REFUSED',
    `${nameOf(target)} is an image that was made elsewhere, so there is no workspace that could follow files`,
    { hint: 'tow ship --space NAME runs it in a space as it is' },
  )
}

export function notThereYet(target: Target): TowError {
  return new TowError(
    'UNAVAILABLE',
    `the workspace of ${nameOf(target)} in ${target.environment} is not there yet`,
  )
}

export function noJob(target: Target, key: string): TowError {
  return new TowError('NOT_FOUND', `no run ${key} of ${nameOf(target)} is known in ${target.environment}`)
}

/** What the API server refused, in words; anything else stays what it is. */
export function inWords(error: unknown, what: string): Error {
  if (!(error instanceof ClusterError)) return error as Error
  const { status, message } = error
  if (status === 401) {
    return new TowError('UNAUTHENTICATED', `the cluster does not know who asks: ${message}`, {
      hint: 'log in to the cluster again, and see that kubectl works with this context',
      cause: error,
    })
  }
  if (/being terminated|NamespaceTerminating/.test(message)) {
    return new TowError(
      'REFUSED',
      `the namespace is being deleted, so nothing can be changed there: ${what}`,
      {
        hint: 'wait until it is gone and make it anew, or bind the environment to another',
        cause: error,
      },
    )
  }
  if (/exceeded quota/.test(message)) {
    return new TowError('REFUSED', `the quota of the namespace is used up: ${what}: ${message}`, {
      hint: 'ask for less (tow scale, `cpu` and `memory` in tow.yaml), or have the quota raised',
      cause: error,
    })
  }
  if (status === 403 && /admission|denied the request|violates PodSecurity/.test(message)) {
    return new TowError('REFUSED', `the cluster refuses ${what}: ${message}`, { cause: error })
  }
  if (status === 403) {
    return new TowError('FORBIDDEN', `the cluster does not allow ${what}: ${message}`, {
      hint: 'the permissions that Towpath needs are in charts/access',
      cause: error,
    })
  }
  if (status === 404) return new TowError('NOT_FOUND', `${what}: ${message}`, { cause: error })
  if (status === 422 || status === 400) {
    return new TowError('FAILED', `the cluster does not accept ${what}: ${message}`, { cause: error })
  }
  return new TowError('UNAVAILABLE', `the cluster could not do it: ${what}: ${message}`, { cause: error })
}

export function notAnswering(server: string, milliseconds: number): TowError {
  const seconds = Number.isFinite(milliseconds) ? ` for ${Math.round(milliseconds / 1000)} s` : ''
  return new TowError('UNAVAILABLE', `the cluster at ${server} has not answered${seconds}`, {
    hint: 'tow doctor',
  })
}
