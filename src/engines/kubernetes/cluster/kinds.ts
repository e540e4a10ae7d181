/** The kinds of objects that the engine speaks of, where they are found, and the little of their shape that is read. */
export interface Kind {
  kind: string
  apiVersion: string
  plural: string
}

const kind = (name: string, apiVersion: string, plural: string): Kind => ({ kind: name, apiVersion, plural })

export const KINDS = {
  Pod: kind('Pod', 'v1', 'pods'),
  Service: kind('Service', 'v1', 'services'),
  ServiceAccount: kind('ServiceAccount', 'v1', 'serviceaccounts'),
  Secret: kind('Secret', 'v1', 'secrets'),
  Event: kind('Event', 'v1', 'events'),
  EndpointSlice: kind('EndpointSlice', 'discovery.k8s.io/v1', 'endpointslices'),
  Deployment: kind('Deployment', 'apps/v1', 'deployments'),
  Job: kind('Job', 'batch/v1', 'jobs'),
  CronJob: kind('CronJob', 'batch/v1', 'cronjobs'),
  PodDisruptionBudget: kind('PodDisruptionBudget', 'policy/v1', 'poddisruptionbudgets'),
  HorizontalPodAutoscaler: kind('HorizontalPodAutoscaler', 'autoscaling/v2', 'horizontalpodautoscalers'),
  NetworkPolicy: kind('NetworkPolicy', 'networking.k8s.io/v1', 'networkpolicies'),
  HTTPRoute: kind('HTTPRoute', 'gateway.networking.k8s.io/v1', 'httproutes'),
  GRPCRoute: kind('GRPCRoute', 'gateway.networking.k8s.io/v1', 'grpcroutes'),
  ReferenceGrant: kind('ReferenceGrant', 'gateway.networking.k8s.io/v1beta1', 'referencegrants'),
  Lease: kind('Lease', 'coordination.k8s.io/v1', 'leases'),
  PodMetrics: kind('PodMetrics', 'metrics.k8s.io/v1beta1', 'pods'),
} as const satisfies Record<string, Kind>

export type KindName = keyof typeof KINDS

/** What the chart makes and the engine therefore keeps an inventory of. Jobs are of `run`, and are kept as records. */
export const MEMBER_KINDS = [
  'ServiceAccount',
  'NetworkPolicy',
  'Service',
  'Deployment',
  'PodDisruptionBudget',
  'HorizontalPodAutoscaler',
  'CronJob',
  'HTTPRoute',
  'GRPCRoute',
  'ReferenceGrant',
] as const satisfies KindName[]

export interface Meta {
  name: string
  namespace?: string
  uid?: string
  resourceVersion?: string
  generation?: number
  creationTimestamp?: string
  deletionTimestamp?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
  ownerReferences?: { kind: string; name: string; uid: string }[]
  managedFields?: { manager?: string; operation?: string; time?: string; fieldsV1?: unknown }[]
}

export interface KubeObject {
  apiVersion: string
  kind: string
  metadata: Meta
}

export function collectionPath(name: KindName, namespace: string): string {
  const { apiVersion, plural } = KINDS[name]
  return `/${apiVersion.includes('/') ? 'apis' : 'api'}/${apiVersion}/namespaces/${namespace}/${plural}`
}

export function objectPath(name: KindName, namespace: string, object: string): string {
  return `${collectionPath(name, namespace)}/${object}`
}
