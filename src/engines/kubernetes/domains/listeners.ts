/** The listeners of a Gateway: which of them take a host, and which one a domain asks for. Pure. */
import type { WantedDomain } from '../../engine.ts'
import type { Condition } from '../cluster/objects.ts'
import { sha256 } from '../names.ts'

export interface Listener {
  name: string
  hostname?: string
  port: number
  protocol: string
  tls?: { mode?: string; certificateRefs?: object[] }
  allowedRoutes?: { namespaces?: { from?: 'All' | 'Same' | 'Selector' | 'None'; selector?: object } }
}

export interface Gateway {
  metadata: { name: string; namespace: string; uid?: string; generation?: number }
  spec: { listeners: Listener[] }
  status?: {
    addresses?: { type?: string; value: string }[]
    conditions?: Condition[]
    listeners?: { name: string; conditions?: Condition[] }[]
  }
}

const HTTPS_PORT = 443
const LONGEST_NAME = 253

/** The same for a host whoever made it, so that one that its owner made from our words is known for what it is. */
export function listenerName(host: string): string {
  const name = `tow-${host}`
  return name.length <= LONGEST_NAME ? name : `tow-${sha256(host).slice(0, 16)}`
}

/** What a domain asks of a Gateway; routes come from the namespace alone. `there`: the Gateway, where it may be read. */
export function listenerFor(
  { host, certificate }: WantedDomain,
  namespace: string,
  gateway: { namespace: string; there: Gateway | null },
): Listener {
  const listeners = gateway.there?.spec.listeners ?? []
  const isHere = gateway.namespace === namespace
  const from = isHere
    ? { from: 'Same' as const }
    : {
        from: 'Selector' as const,
        selector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
      }
  const common = { name: listenerName(host), hostname: host, allowedRoutes: { namespaces: from } }
  if (certificate === undefined) {
    const port = listeners.find(({ protocol }) => protocol === 'HTTP')?.port ?? 80
    return { ...common, port, protocol: 'HTTP' }
  }
  const secret = { group: '', kind: 'Secret', name: certificate, ...(isHere ? {} : { namespace }) }
  return {
    ...common,
    // Where the Gateway has HTTPS already, people reach it there.
    port: listeners.find(({ protocol }) => protocol === 'HTTPS')?.port ?? HTTPS_PORT,
    protocol: 'HTTPS',
    tls: { mode: 'Terminate', certificateRefs: [secret] },
  }
}

/** Listeners that let requests for the host in, from routes of the namespace; over TLS where a certificate is asked for. */
export function listenersTaking(gateway: Gateway, { host, certificate }: WantedDomain, namespace: string) {
  return gateway.spec.listeners.filter(
    (listener) =>
      (certificate === undefined || listener.protocol === 'HTTPS') &&
      ['HTTP', 'HTTPS'].includes(listener.protocol) &&
      matches(listener.hostname, host) &&
      takesRoutes(listener, gateway.metadata.namespace, namespace),
  )
}

function matches(hostname: string | undefined, host: string): boolean {
  if (hostname === undefined || hostname === '' || hostname === host) return true
  return hostname.startsWith('*.') && host.endsWith(hostname.slice(1)) && host.length > hostname.length - 1
}

/** A selector is taken at its word: its labels are those of the namespace, which need not be readable. */
export function takesRoutes({ allowedRoutes }: Listener, gatewayNamespace: string, namespace: string) {
  const from = allowedRoutes?.namespaces?.from ?? 'Same'
  return from === 'All' || from === 'Selector' || (from === 'Same' && gatewayNamespace === namespace)
}

/** For whoever may change the Gateway: the whole command. */
export function patchCommand({ name, namespace }: { name: string; namespace: string }, listener: Listener) {
  const patch = JSON.stringify([{ op: 'add', path: '/spec/listeners/-', value: listener }])
  return `kubectl -n ${namespace} patch gateway ${name} --type json -p '${patch}'`
}
