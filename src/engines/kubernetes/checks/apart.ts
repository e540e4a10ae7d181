/** Whether full spaces can have namespaces of their own here, and how. */
import { TowError } from '../../../api/errors.ts'
import { brokenBecause } from '../apart/choose.ts'
import { listClaims } from '../apart/claims.ts'
import { makeHint, prepareHint } from '../apart/messages.ts'
import { rightsToMake } from '../apart/namespaces.ts'
import { madePrefix } from '../names.ts'
import type { Look } from './check.ts'

export const checkApart: Look = async (cluster, { namespace }) => {
  const rights = await rightsToMake(cluster)
  const missing = rights.filter(({ isGiven }) => !isGiven)
  if (missing.length === 0)
    return `a full space gets a namespace ${madePrefix(namespace)}... that is made for it`
  const prepared = (await listClaims(cluster)).filter(({ isMade }) => !isMade)
  // Who may read namespaces may do so for another reason.
  const isHalf = rights.some(({ what, isGiven }) => isGiven && what !== 'get namespaces')
  if (isHalf && prepared.length === 0) {
    const lacking = missing.map(({ what }) => what).join(', ')
    throw new TowError(
      'FORBIDDEN',
      `no namespace can be made for a full space: it is not allowed to ${lacking}`,
      {
        hint: makeHint(namespace),
      },
    )
  }
  if (prepared.length === 0)
    return `no full space can be had here: no namespace may be made for one, and none was prepared; all else works. To change that ${prepareHint(namespace)}, or ${makeHint(namespace)}`
  const free = prepared.filter(({ holder }) => holder === null)
  const broken = await Promise.all(free.map((one) => brokenBecause(cluster.inside(one.namespace))))
  const reasons = broken.filter((reason) => reason !== null)
  if (reasons.length > 0) {
    throw new TowError(
      'REFUSED',
      `of the namespaces that were prepared for full spaces not all can be taken: ${reasons.join('; ')}`,
      {
        hint: `${prepareHint(namespace)}, or take it out: kubectl -n ${namespace} delete lease towpath---space-...`,
      },
    )
  }
  const many = `${prepared.length} that ${prepared.length === 1 ? 'was' : 'were'} prepared`
  return `a full space takes a namespace of ${many}; ${free.length} ${free.length === 1 ? 'is' : 'are'} free`
}
