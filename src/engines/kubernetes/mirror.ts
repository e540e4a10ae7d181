/** What the cluster tells of everything of this platform in its namespace, and how old that is. */
import type { Cluster } from './cluster/connect.ts'
import { type Followed, follow } from './cluster/follow.ts'
import { collectionPath, type KubeObject, MEMBER_KINDS } from './cluster/kinds.ts'
import type {
  Deployment,
  EndpointSlice,
  Job,
  KubeEvent,
  Lease,
  Pod,
  Route,
  Secret,
} from './cluster/objects.ts'
import { LABEL } from './names.ts'

export type MemberKind = (typeof MEMBER_KINDS)[number]

export interface Mirror {
  pods: Followed<Pod>
  /** Who is behind each Service; not told to whoever may not read it. */
  endpoints: Followed<EndpointSlice>
  jobs: Followed<Job>
  records: Followed<Secret>
  leases: Followed<Lease>
  /** Warnings about pods, of whatever platform. */
  events: Followed<KubeEvent>
  members: Record<MemberKind, Followed<KubeObject>>
  deployments: Followed<Deployment>
  routes: Followed<Route>
  synced: Promise<void>
  /** Since when, at the latest, all of it is as the server has it; milliseconds since the epoch. */
  trueAt(): number
  /** What is not there or may not be read, in the server's words. */
  missing(): string[]
}

const HEARTBEAT_MILLISECONDS = 3000

/** `changed` is told the app of whatever changed. */
export function createMirror(
  cluster: Cluster,
  platform: string,
  changed: (app: string) => void,
  signal: AbortSignal,
): Mirror {
  const ours = `${LABEL.platform}=${platform}`
  const tell = (_name: string, before: KubeObject | null, after: KubeObject | null) => {
    const app = (after ?? before)?.metadata.labels?.[LABEL.app]
    if (app !== undefined) changed(app)
  }
  const options = { labelSelector: ours, signal, changed: tell }
  const pods = follow<Pod>(cluster, 'Pod', options)
  const events = follow<KubeEvent>(cluster, 'Event', {
    fieldSelector: 'type=Warning,involvedObject.kind=Pod',
    signal,
    changed: (_name, _before, after) => {
      const about = (after as KubeEvent | null)?.involvedObject.name
      const app = about === undefined ? undefined : pods.get(about)?.metadata.labels?.[LABEL.app]
      if (app !== undefined) changed(app)
    },
  })
  const endpoints = follow<EndpointSlice>(cluster, 'EndpointSlice', options)
  const jobs = follow<Job>(cluster, 'Job', options)
  const records = follow<Secret>(cluster, 'Secret', {
    ...options,
    labelSelector: `${ours},${LABEL.kind}=record`,
  })
  const leases = follow<Lease>(cluster, 'Lease', options)
  const members = Object.fromEntries(
    MEMBER_KINDS.map((kind) => [kind, follow<KubeObject>(cluster, kind, options)]),
  ) as Record<MemberKind, Followed<KubeObject>>
  const all: Followed<KubeObject>[] = [pods, endpoints, jobs, records, leases, ...Object.values(members)]

  // A stream that is open and silent says nothing about a server that is frozen.
  let answered = 0
  const beat = setInterval(() => {
    const at = Date.now()
    cluster
      .request('GET', collectionPath('Lease', cluster.namespace), {
        query: { labelSelector: ours, limit: 1 },
        timeout: HEARTBEAT_MILLISECONDS,
        signal,
      })
      .then(
        () => {
          answered = at
        },
        () => {},
      )
  }, HEARTBEAT_MILLISECONDS)
  beat.unref()
  signal.addEventListener('abort', () => clearInterval(beat), { once: true })

  return {
    pods,
    endpoints,
    jobs,
    records,
    leases,
    events,
    members,
    deployments: members.Deployment as Followed<Deployment>,
    routes: members.HTTPRoute as Followed<Route>,
    synced: Promise.all([...all, events].map((one) => one.synced)).then(() => {}),
    trueAt: () =>
      Math.min(
        ...all
          .filter((one) => one.missing() === null)
          .map((one) => (one.isOpen() ? Math.max(one.heardAt(), answered) : one.heardAt())),
      ),
    missing: () => all.map((one) => one.missing()).filter((one) => one !== null),
  }
}
