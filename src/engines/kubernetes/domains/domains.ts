/** The domains of one target: its listeners, and how each name stands, read anew whenever somebody asks. */
import type { SeenDomain, Target, WantedDomain } from '../../engine.ts'
import type { Cluster } from '../cluster/connect.ts'
import type { Route } from '../cluster/objects.ts'
import type { KubernetesSettings } from '../settings.ts'
import type { Stored } from '../stored.ts'
import { readCertificate } from './certificate.ts'
import { createOwnListeners, type OwnListeners, placesOf, readGateway } from './own-listeners.ts'
import { seeDomain } from './seen.ts'

export interface Domains {
  listeners: Pick<OwnListeners, 'land' | 'remove' | 'manifests'>
  see(stored: Stored, route: Route | null): Promise<SeenDomain[]>
}

export function createDomains(
  cluster: Cluster,
  target: Target,
  around: {
    platform: string
    gateways: KubernetesSettings['gateways']
    urlOf: (domain: WantedDomain) => string
  },
): Domains {
  const { namespace } = cluster
  const listeners = createOwnListeners(cluster, target, around)
  return {
    listeners,
    async see({ desired: { domains = [] } }, route) {
      if (domains.length === 0) return []
      const gateways = await Promise.all(
        placesOf(around.gateways, namespace).map(async (place) => ({
          place,
          there: await readGateway(cluster, place),
          outcome: listeners.outcome(place),
        })),
      )
      return Promise.all(
        domains.map(async (domain) => {
          const { host, certificate: name } = domain
          const certificate = name === undefined ? null : await readCertificate(cluster, name, host)
          const url = around.urlOf(domain)
          return seeDomain({ domain, namespace, url, route, gateways, certificate })
        }),
      )
    },
  }
}
