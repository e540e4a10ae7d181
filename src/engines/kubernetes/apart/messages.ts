/** What is said about namespaces of full spaces. Pure. */
import { TowError } from '../../../api/errors.ts'

export function isLeaving(namespace: string): TowError {
  return new TowError('UNAVAILABLE', `the namespace ${namespace} is being deleted`, {
    hint: 'it goes on when that is done',
  })
}

/** `why`: of each that was prepared, why it is not free. */
export function noneFree(home: string, space: string, why: readonly string[]): TowError {
  return new TowError(
    'REFUSED',
    why.length === 0
      ? `the space ${space} can get no namespace of its own: none may be made here, and none was prepared`
      : `the space ${space} can get no namespace of its own: none may be made here, and of those that were prepared none is free (${why.join('; ')})`,
    {
      hint:
        why.length === 0
          ? `${prepareHint(home)}, or ${makeHint(home)}`
          : `remove a full space (tow spaces), or ${prepareHint(home)}`,
    },
  )
}

export const prepareHint = (home: string) =>
  `have one prepared: helm template towpath charts/access -n ${home}-1 --set user=... --set spacesOf=${home} | kubectl apply -f -`

export const makeHint = (home: string) =>
  `have it allowed: helm template towpath charts/access -n ${home} --set user=... --set spaces=true | kubectl apply -f -`

export const takenBy = (namespace: string, holder: { platform: string; space: string }, platform: string) =>
  `${namespace} is taken by ${holder.space}${holder.platform === platform ? '' : ` of another platform (${holder.platform})`}`
