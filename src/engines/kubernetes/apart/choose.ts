/** Which namespace a full space gets: one that is made for it where that is allowed, else one that was prepared. */
import { TowError } from '../../../api/errors.ts'
import { requirePermissions } from '../checks/permissions.ts'
import { type Cluster, hasStatus } from '../cluster/connect.ts'
import { collectionPath } from '../cluster/kinds.ts'
import { inWords } from '../messages.ts'
import { type Claim, hold, listClaims } from './claims.ts'
import { noneFree, takenBy } from './messages.ts'
import { rightsToMake } from './namespaces.ts'

export interface Owner {
  platform: string
  space: string
}

export async function mayMake(home: Cluster): Promise<boolean> {
  return (await rightsToMake(home)).every(({ isGiven }) => isGiven)
}

export async function findClaim(home: Cluster, { platform, space }: Owner): Promise<Claim | null> {
  const claims = await listClaims(home)
  return claims.find(({ holder }) => holder?.platform === platform && holder.space === space) ?? null
}

/** REFUSED where none is free, with the reason of each. */
export function takePrepared(home: Cluster, owner: Owner): Promise<Claim> {
  return firstFree(home, owner, async (claim) =>
    (await hold(home, claim, owner)) ? findClaim(home, owner) : null,
  )
}

/** The same before anything is taken. */
export async function requirePrepared(home: Cluster, owner: Owner): Promise<void> {
  await firstFree(home, owner, async (claim) => claim)
}

/** `take`: null where somebody else was faster. */
async function firstFree(
  home: Cluster,
  owner: Owner,
  take: (claim: Claim) => Promise<Claim | null>,
): Promise<Claim> {
  const why: string[] = []
  for (const claim of (await listClaims(home)).filter(({ isMade }) => !isMade)) {
    const problem = await problemOf(home, claim, owner.platform)
    const taken = problem === null ? await take(claim) : null
    if (taken) return taken
    why.push(problem ?? `${claim.namespace} was taken just now`)
  }
  throw noneFree(home.namespace, owner.space, why)
}

/** Why a namespace that was prepared can't be taken; null where it can. */
async function problemOf(
  home: Cluster,
  { namespace, holder }: Claim,
  platform: string,
): Promise<string | null> {
  if (holder) return takenBy(namespace, holder, platform)
  return brokenBecause(home.inside(namespace))
}

/** It is there, stays, is empty, and everything that is needed is allowed in it; else why not. */
export async function brokenBecause(inside: Cluster): Promise<string | null> {
  const { namespace } = inside
  try {
    await requirePermissions(inside)
    // Nothing is made by it: the API server says what it would say.
    await inside.request('POST', collectionPath('Lease', namespace), {
      query: { dryRun: 'All' },
      body: {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: 'towpath---tried', namespace },
        spec: {},
      },
    })
    const { items } = await inside.request<{ items: unknown[] }>('GET', collectionPath('Pod', namespace), {
      query: { limit: 1 },
    })
    return items.length > 0 ? `something runs in ${namespace} already` : null
  } catch (error) {
    if (hasStatus(error, 404)) return `there is no namespace ${namespace}`
    if (hasStatus(error, 403) && /terminat/i.test(error.message)) return `${namespace} is being deleted`
    const told = inWords(error, namespace)
    if (told instanceof TowError && (told.code === 'FORBIDDEN' || told.code === 'REFUSED'))
      return told.message
    throw told
  }
}
