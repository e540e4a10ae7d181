/**
 * Full spaces: each in a namespace of its own, made for it or taken from those that were prepared. Who has which is
 * written in the environment's namespace (`claims.ts`), so that whoever starts anew goes on; a space takes turns with
 * itself, so that nobody gives back what another is about to use.
 */
import type { Target } from '../../engine.ts'
import { type Cluster, hasStatus } from '../cluster/connect.ts'
import { collectionPath } from '../cluster/kinds.ts'
import { LABEL } from '../names.ts'
import type { Session } from '../session.ts'
import { findClaim, mayMake, type Owner, requirePrepared, takePrepared } from './choose.ts'
import { announce, type Claim, forget, hold, listClaims } from './claims.ts'
import { isGone, makeNamespace, newName, removeNamespace } from './namespaces.ts'
import { copyPullSecrets, removePullSecrets } from './pull-secrets.ts'

export interface Apart {
  /** What was taken before is known again. */
  begin(): Promise<void>
  /** The namespace of the target's space, made or taken where it has none; kept at least until `work` is done. */
  enter<Answer>(target: Target, work: (session: Session) => Promise<Answer>): Promise<Answer>
  /** Whether somebody removed it past Towpath. */
  isGone(target: Target): Promise<boolean>
  /** Gives back what nothing is in any more. */
  leave(target: Target): Promise<void>
  /** REFUSED where the space has none and can't have one. */
  require(target: Omit<Target, 'app'>): Promise<void>
}

export interface ApartParts {
  cluster: Cluster
  platform: string
  /** The platform engineer's own values of the chart. */
  values: Record<string, unknown>
  /** By the name of the space. */
  beside: Map<string, Session>
  open(namespace: string): Session
  changed(): void
  signal: AbortSignal
}

export function createApart(parts: ApartParts): Apart {
  const { cluster, platform, values, beside, signal } = parts
  const turns = new Map<string, Promise<unknown>>()

  async function inTurn<Answer>(space: string, work: () => Promise<Answer>): Promise<Answer> {
    const before = turns.get(space) ?? Promise.resolve()
    const mine = before.then(work, work)
    const settled = mine.catch(() => {})
    turns.set(space, settled)
    void settled.then(() => turns.get(space) === settled && turns.delete(space))
    return mine
  }

  async function openFor(space: string, namespace: string): Promise<Session> {
    const known = beside.get(space)
    if (known) return known
    const made = parts.open(namespace)
    await made.mirror.synced
    beside.set(space, made)
    made.look('all')
    parts.changed()
    return made
  }

  async function take(owner: Owner, environment: string): Promise<Session> {
    const { space } = owner
    const held = await findClaim(cluster, owner)
    const isKnown = beside.has(space)
    const claim =
      held ?? ((await mayMake(cluster)) ? await announced(owner) : await takePrepared(cluster, owner))
    const { namespace, isMade } = claim
    const inside = cluster.inside(namespace)
    if (isMade && (!isKnown || (await isGone(cluster, namespace)))) {
      await makeNamespace(cluster, namespace, { platform, environment, space })
    }
    if (!isKnown) await copyPullSecrets(cluster, inside, platform, values)
    return openFor(space, namespace)
  }

  async function announced(owner: Owner): Promise<Pick<Claim, 'namespace' | 'isMade'>> {
    const namespace = newName(cluster.namespace, owner.space)
    await announce(cluster, namespace, owner)
    return { namespace, isMade: true }
  }

  async function giveBack(space: string): Promise<void> {
    const claim = await findClaim(cluster, { platform, space })
    if (!claim) return
    const { namespace, isMade } = claim
    const inside = cluster.inside(namespace)
    const isThere = !isMade || !(await isGone(cluster, namespace))
    if (isThere && (await isUsed(inside))) return
    beside.get(space)?.close()
    beside.delete(space)
    parts.changed()
    if (isMade) {
      await removeNamespace(cluster, namespace, signal)
      return forget(cluster, claim)
    }
    await removePullSecrets(inside, platform).catch((error) => {
      // Whoever prepared it has taken it away since.
      if (!hasStatus(error, 403, 404)) throw error
    })
    await hold(cluster, claim, null)
  }

  /** Somebody is there who has not ended: their record goes last. */
  async function isUsed(inside: Cluster): Promise<boolean> {
    const query = { labelSelector: `${LABEL.kind}=record`, limit: 1 }
    const path = collectionPath('Secret', inside.namespace)
    const { items } = await inside.request<{ items: unknown[] }>('GET', path, { query })
    return items.length > 0
  }

  return {
    async begin() {
      const mine = (await listClaims(cluster)).filter(({ holder }) => holder?.platform === platform)
      await Promise.all(mine.map(({ holder, namespace }) => openFor(holder!.space, namespace)))
    },
    async enter({ environment, space = '' }, work) {
      return inTurn(space, async () => work(await take({ platform, space }, environment)))
    },
    async isGone({ space = '' }) {
      const session = beside.get(space)
      if (!session) return false
      const claim = await findClaim(cluster, { platform, space })
      return claim?.isMade === true && (await isGone(cluster, claim.namespace))
    },
    async leave({ space }) {
      if (space !== undefined) await inTurn(space, () => giveBack(space))
    },
    async require({ space = '' }) {
      if (beside.has(space) || (await mayMake(cluster))) return
      await requirePrepared(cluster, { platform, space })
    },
  }
}
