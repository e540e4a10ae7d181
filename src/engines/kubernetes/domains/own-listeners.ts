/**
 * The listeners that a target's domains ask for, on the Gateways that its route is given to: applied by the API server
 * under a manager of the target's own, which owns these listeners and nothing else of the Gateway. Not being allowed to
 * is no failure: whoever may is told what to do.
 */
import type { Target, WantedDomain } from '../../engine.ts'
import { type Cluster, hasStatus } from '../cluster/connect.ts'
import type { KubeObject } from '../cluster/kinds.ts'
import { inWords } from '../messages.ts'
import { FIELD_MANAGER } from '../names.ts'
import type { KubernetesSettings } from '../settings.ts'
import type { Stored } from '../stored.ts'
import { type Gateway, listenerFor, listenersTaking } from './listeners.ts'

type Named = KubernetesSettings['gateways'][number]
export type Place = Named & { namespace: string }

/** Why a Gateway has not been given what was asked for. */
export type Outcome = { isForbidden: boolean; message: string } | null

export interface OwnListeners {
  /** Makes them what the record asks for; soon again only where that has changed. True: none are left. */
  land(stored: Stored): Promise<boolean>
  /** None of them is there afterwards. */
  remove(): Promise<void>
  outcome(place: Place): Outcome
  /** Of each Gateway what is applied to it; as it would be where it may not be read. */
  manifests(stored: Stored): Promise<KubeObject[]>
}

/** What somebody else took away is put back after so long, and a right that was given is noticed. */
export const LOOK_MILLISECONDS = 30_000

const API = '/apis/gateway.networking.k8s.io/v1'
const pathOf = ({ name, namespace }: Place) => `${API}/namespaces/${namespace}/gateways/${name}`
const keyOf = ({ name, namespace }: Place) => `${namespace}/${name}`

export function placesOf(gateways: KubernetesSettings['gateways'], namespace: string): Place[] {
  return gateways.map((one) => ({ ...one, namespace: one.namespace ?? namespace }))
}

/** Names over TLS: all others are taken as the Gateway is. */
const wantedOf = ({ desired, removed }: Stored): WantedDomain[] =>
  removed ? [] : (desired.domains ?? []).filter(({ certificate }) => certificate !== undefined)

/** Null where it may not be read, or is not there. */
export async function readGateway(cluster: Cluster, place: Place): Promise<Gateway | null> {
  try {
    return await cluster.request<Gateway>('GET', pathOf(place))
  } catch (error) {
    if (hasStatus(error, 403, 404)) return null
    throw error
  }
}

export function createOwnListeners(
  cluster: Cluster,
  target: Target,
  { platform, gateways }: { platform: string; gateways: KubernetesSettings['gateways'] },
): OwnListeners {
  const places = placesOf(gateways, cluster.namespace)
  const fieldManager = [FIELD_MANAGER, platform, cluster.namespace, target.app].join('/')
  const outcomes = new Map<string, Outcome>()
  let landed: { key: string; at: number } | null = null

  async function give(place: Place, wanted: readonly WantedDomain[]): Promise<void> {
    const there = await cluster.request<Gateway>('GET', pathOf(place))
    const asked = manifestOf(place, there, wanted)
    await cluster.request('PATCH', pathOf(place), {
      query: { fieldManager, fieldValidation: 'Strict' },
      contentType: 'application/apply-patch+yaml',
      // With its identity, so that one that has just been removed is not made anew.
      body: { ...asked, metadata: { ...asked.metadata, uid: there.metadata.uid } },
    })
  }

  function manifestOf({ name, namespace }: Place, there: Gateway | null, wanted: readonly WantedDomain[]) {
    const listeners = wanted
      .filter((domain) => there === null || !isServedByOthers(there, domain))
      .map((domain) => listenerFor(domain, cluster.namespace, { namespace, there }))
    return {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata: { name, namespace },
      spec: listeners.length > 0 ? { listeners } : {},
    }
  }

  /** Its owner has seen to it, e.g. with the command that was printed. */
  function isServedByOthers(gateway: Gateway, domain: WantedDomain): boolean {
    const { managedFields } = gateway.metadata as {
      managedFields?: { manager?: string; fieldsV1?: object }[]
    }
    const mine = JSON.stringify(
      managedFields?.find(({ manager }) => manager === fieldManager)?.fieldsV1 ?? {},
    )
    return listenersTaking(gateway, domain, cluster.namespace).some(
      ({ name, hostname }) => hostname === domain.host && !mine.includes(`\\"name\\":\\"${name}\\"`),
    )
  }

  async function tried(place: Place, wanted: readonly WantedDomain[]): Promise<Outcome> {
    try {
      await give(place, wanted)
      return null
    } catch (error) {
      const { message } = inWords(error, `a listener of the Gateway ${keyOf(place)}`)
      return { isForbidden: hasStatus(error, 403), message }
    }
  }

  return {
    async land(stored) {
      const wanted = wantedOf(stored)
      const key = JSON.stringify(wanted)
      if (landed?.key !== key || Date.now() - landed.at >= LOOK_MILLISECONDS) {
        for (const place of places) outcomes.set(keyOf(place), await tried(place, wanted))
        landed = { key, at: Date.now() }
      }
      const isWell = [...outcomes.values()].every((outcome) => outcome === null || outcome.isForbidden)
      return wanted.length === 0 && isWell
    },
    async remove() {
      for (const place of places) {
        await give(place, []).catch((error) => {
          // It is gone, or its owner has taken the right back, or all but ours: they look after what is left.
          if (!hasStatus(error, 403, 404, 422)) throw error
        })
      }
    },
    outcome: (place) => outcomes.get(keyOf(place)) ?? null,
    async manifests(stored) {
      const wanted = wantedOf(stored)
      if (wanted.length === 0) return []
      const asked = await Promise.all(
        places.map(async (place) => manifestOf(place, await readGateway(cluster, place), wanted)),
      )
      return asked.filter(({ spec }) => spec.listeners !== undefined)
    },
  }
}
