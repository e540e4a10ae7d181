/** The hop as objects of the cluster. Pure. The chart is one app's, and this is none: it stands here. */
import { HOP_PORTS } from '../../../router/hop/protocol.ts'
import type { KubeObject } from '../cluster/kinds.ts'
import { LABEL, routerSelector } from '../names.ts'
import { ROUTER } from '../programs.ts'
import type { Surroundings } from '../render/values.ts'
import type { Places } from './ports.ts'

export interface HopWanted {
  name: string
  namespace: string
  image: string
  /** The Secret with the table that a router begins with. */
  table: string
  /** Key of a service to the port that calls for it come through. */
  ports: Places
  /** Host to the number of the route that lists it. */
  routes: Places
}

const REPLICAS = 2
/** As an app's own: whoever routes has heard of its leaving by then. */
const DRAIN_SECONDS = 5
const GRACE_SECONDS = 25

export function hopObjects(wanted: HopWanted, around: Surroundings): KubeObject[] {
  const { name, namespace } = wanted
  const labels = { ...routerSelector(name), [LABEL.managedBy]: 'towpath', [LABEL.platform]: around.platform }
  const metadata = (suffix = '') => ({ name: `${name}${suffix}`, namespace, labels })
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadata(), automountServiceAccountToken: false },
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: metadata(),
      spec: {
        podSelector: { matchLabels: routerSelector(name) },
        policyTypes: ['Ingress'],
        ingress: ingress(wanted, around),
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadata(),
      spec: {
        type: 'ClusterIP',
        selector: routerSelector(name),
        ports: [{ name: 'http', port: 80, targetPort: HOP_PORTS.edge, protocol: 'TCP' }],
      },
    },
    deployment(wanted, around, labels),
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: metadata(),
      spec: {
        maxUnavailable: 1,
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
        selector: { matchLabels: routerSelector(name) },
      },
    },
    ...routesOf(wanted, around).map(([route, hosts]) => ({
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: metadata(`-${route}`),
      spec: {
        hostnames: hosts.map(([host]) => host).sort(),
        parentRefs: around.gateways.map((gateway) => ({
          group: 'gateway.networking.k8s.io',
          kind: 'Gateway',
          ...gateway,
          namespace: gateway.namespace ?? namespace,
        })),
        rules: [{ backendRefs: [{ group: '', kind: 'Service', name, port: 80 }] }],
      },
    })),
  ] as KubeObject[]
}

function routesOf({ routes }: HopWanted, { gateways }: Surroundings): [number, [string, number][]][] {
  if (gateways.length === 0) return []
  return [...Map.groupBy(Object.entries(routes), ([, route]) => route)]
}

/** Whoever may call an app may call it through the hop, and nobody else: each app has a port of its own there. */
function ingress({ namespace, ports }: HopWanted, { gateways, values, home }: Surroundings): object[] {
  const policy = (values.networkPolicy ?? {}) as { gatewayNamespaces?: string[]; from?: object[] }
  const namespaces = policy.gatewayNamespaces?.length
    ? policy.gatewayNamespaces
    : gateways.map((gateway) => gateway.namespace ?? namespace)
  const gatewayPods = [...new Set(namespaces)].map((one) => ({
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': one } },
  }))
  const others = policy.from ?? []
  const rule = (port: number, from: object[]) => ({ ports: [{ port, protocol: 'TCP' }], from })
  const byService = Object.entries(ports).map(([key, port]) => {
    const app = key.slice(key.indexOf('/') + 1)
    const podSelector = { matchLabels: { [`needs.towpath.dev/${app}`]: 'true' } }
    // Copies in namespaces of full spaces call from there.
    const namespaceSelector = { matchLabels: { [LABEL.spacesOf]: home } }
    return rule(port, [{ podSelector }, { namespaceSelector, podSelector }, ...others])
  })
  return [
    ...(gatewayPods.length > 0 ? [rule(HOP_PORTS.edge, [...gatewayPods, ...others])] : []),
    ...byService,
  ]
}

function deployment(
  { name, namespace, image, table }: HopWanted,
  { values }: Surroundings,
  labels: Record<string, string>,
): object {
  const { nodeSelector, tolerations, priorityClassName, imagePullSecrets } = values as {
    nodeSelector?: object
    tolerations?: object[]
    priorityClassName?: string
    imagePullSecrets?: string[]
  }
  const user = Number(values.user ?? 1000)
  const spread = {
    topologyKey: 'kubernetes.io/hostname',
    labelSelector: { matchLabels: routerSelector(name) },
  }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace, labels },
    spec: {
      replicas: REPLICAS,
      revisionHistoryLimit: 1,
      selector: { matchLabels: routerSelector(name) },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: name,
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          terminationGracePeriodSeconds: DRAIN_SECONDS + GRACE_SECONDS,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: user,
            runAsGroup: user,
            fsGroup: user,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          ...(imagePullSecrets?.length
            ? { imagePullSecrets: imagePullSecrets.map((secret) => ({ name: secret })) }
            : {}),
          ...(priorityClassName ? { priorityClassName } : {}),
          ...(nodeSelector ? { nodeSelector } : {}),
          ...(tolerations?.length ? { tolerations } : {}),
          affinity: {
            podAntiAffinity: {
              preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: spread }],
            },
          },
          containers: [
            {
              name: 'app',
              image,
              imagePullPolicy: 'IfNotPresent',
              command: ['node', `/workspace/${ROUTER.entry}`, '/etc/towpath/table'],
              ports: [
                { name: 'http', containerPort: HOP_PORTS.edge, protocol: 'TCP' },
                { name: 'health', containerPort: HOP_PORTS.health, protocol: 'TCP' },
              ],
              resources: {
                requests: { cpu: '100m', memory: '128Mi' },
                limits: { memory: '512Mi' },
              },
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ['ALL'] },
              },
              readinessProbe: { ...probe('/'), periodSeconds: 1, failureThreshold: 3 },
              livenessProbe: { ...probe('/live'), periodSeconds: 10, failureThreshold: 6 },
              lifecycle: { preStop: { sleep: { seconds: DRAIN_SECONDS } } },
              volumeMounts: [{ name: 'table', mountPath: '/etc/towpath', readOnly: true }],
            },
          ],
          volumes: [{ name: 'table', secret: { secretName: table } }],
        },
      },
    },
  }
}

function probe(path: string): object {
  return { httpGet: { path, port: HOP_PORTS.health, scheme: 'HTTP' }, timeoutSeconds: 5 }
}
