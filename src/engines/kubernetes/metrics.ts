/** CPU and memory of pods, where the cluster measures them: now, and by the minute since the engine was opened. */
import type { UsageSample } from '../engine.ts'
import { type Cluster, hasStatus } from './cluster/connect.ts'
import { collectionPath } from './cluster/kinds.ts'
import type { Pod } from './cluster/objects.ts'
import { LABEL } from './names.ts'
import { instanceName, processNameOf, setOf, statusOf } from './observe/pods.ts'
import { cpuPercent, memoryBytes } from './observe/quantities.ts'

export interface Metrics {
  usage(): ReadonlyMap<string, { cpuPercent: number; memoryBytes: number }>
  samples(app: string, since: string): UsageSample[]
  /** Whether the cluster measures at all; null before the first answer. */
  isThere(): boolean | null
}

interface PodMetrics {
  metadata: { name: string }
  timestamp: string
  window: string
  containers: { name: string; usage: { cpu: string; memory: string } }[]
}

const LOOK_MILLISECONDS = 10_000
const SAMPLE_MILLISECONDS = 60_000
const KEPT_MILLISECONDS = 24 * 3_600_000

export function createMetrics(
  cluster: Cluster,
  platform: string,
  pod: (name: string) => Pod | null,
  changed: (app: string) => void,
  signal: AbortSignal,
): Metrics {
  const usage = new Map<string, { cpuPercent: number; memoryBytes: number; at: string }>()
  let samples: (UsageSample & { app: string })[] = []
  let sampledAt = 0
  let there: boolean | null = null

  async function look(): Promise<void> {
    try {
      const { items } = await cluster.request<{ items: PodMetrics[] }>(
        'GET',
        collectionPath('PodMetrics', cluster.namespace),
        { query: { labelSelector: `${LABEL.platform}=${platform}` }, signal },
      )
      there = true
      take(items)
    } catch (error) {
      if (hasStatus(error, 403, 404)) there = false
    }
  }

  function take(items: PodMetrics[]): void {
    const isDue = Date.now() - sampledAt >= SAMPLE_MILLISECONDS
    if (isDue) sampledAt = Date.now()
    const seen = new Set(items.map((item) => item.metadata.name))
    for (const name of usage.keys()) if (!seen.has(name)) usage.delete(name)
    for (const item of items) {
      const measured = item.containers.find((one) => one.name === 'app')?.usage
      const about = pod(item.metadata.name)
      if (!measured || !about) continue
      const now = { cpuPercent: cpuPercent(measured.cpu), memoryBytes: memoryBytes(measured.memory) }
      const app = about.metadata.labels?.[LABEL.app] ?? ''
      if (usage.get(item.metadata.name)?.at !== item.timestamp) changed(app)
      usage.set(item.metadata.name, { ...now, at: item.timestamp })
      if (isDue) samples.push(sampleOf(about, app, item, now))
    }
    const oldest = new Date(Date.now() - KEPT_MILLISECONDS).toISOString()
    if (isDue) samples = samples.filter((sample) => sample.at >= oldest)
  }

  const timer = setInterval(() => void look(), LOOK_MILLISECONDS)
  timer.unref()
  signal.addEventListener('abort', () => clearInterval(timer), { once: true })
  void look()
  return {
    usage: () => usage,
    samples: (app, since) =>
      samples.filter((one) => one.app === app && one.at >= since).map(({ app: _app, ...sample }) => sample),
    isThere: () => there,
  }
}

function sampleOf(
  pod: Pod,
  app: string,
  { timestamp, window }: PodMetrics,
  now: { cpuPercent: number; memoryBytes: number },
): UsageSample & { app: string } {
  return {
    app,
    at: new Date(timestamp).toISOString(),
    seconds: Number.parseFloat(window) || 0,
    instance: instanceName(pod, statusOf(pod)?.restartCount ?? 0),
    process: processNameOf(pod),
    set: setOf(pod),
    ...now,
  }
}
