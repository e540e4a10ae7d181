/**
 * The Kubernetes engine on a real cluster: a one-line change until its text is served, beside the same by hand (`helm
 * upgrade`, `kubectl rollout status`); a hundred apps with nothing to do. What a person waits for is in cluster-ship, and
 * switches under load are in cluster-switches.
 * Needs TOW_TEST_KUBECONFIG and its kin. TOW_BENCH_RUNS and TOW_BENCH_APPS change the sizes.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import {
  createSampleContent,
  sampleArtifact,
  sampleSet,
  webProcess,
  wholly,
} from '../src/engines/conformance/sample.ts'
import type { Desired, Engine, Target } from '../src/engines/engine.ts'
import { openTestCluster, withoutCluster } from '../src/engines/kubernetes/testing.ts'
import { layerDigests } from '../src/images/layer.ts'
import { printFigures, quantile } from './figures.ts'

const { env } = process
if (withoutCluster !== null) {
  console.log(`left out: ${withoutCluster}`)
  process.exit(0)
}
const size = (name: string, usual: number) => Number(env[name] ?? usual)
const CHART = fileURLToPath(new URL('../charts/app', import.meta.url))
const run = promisify(execFile)
const folder = await mkdtemp(join(tmpdir(), 'tow-bench-cluster-'))
const content = createSampleContent(join(folder, 'blobs'), (tree, blobs) =>
  layerDigests(tree.entries, blobs.read, { prefix: 'workspace' }),
)
const cluster = await openTestCluster()
const engine = cluster.engine(content)
try {
  await ship()
  await manyApps()
} finally {
  await cluster.dispose()
  await rm(folder, { recursive: true, force: true })
}

async function settle(by: Engine, target: Target, generation: number, desired: Desired): Promise<void> {
  await by.apply(target, generation, desired)
  for await (const seen of by.watch(target, AbortSignal.timeout(120_000))) {
    if (seen.generation === generation && seen.settled) return
  }
  throw new Error(`${target.app} did not settle`)
}

async function untilServed(url: string, text: string): Promise<void> {
  for (;;) {
    const served = await cluster.fetch(`${url}/file`).then(
      (answer) => answer.text(),
      () => '',
    )
    if (served === text) return
    await delay(5)
  }
}

async function ship(): Promise<void> {
  const target = { app: 'hello', environment: 'stage' }
  const url = (await engine.addresses(target)).public[0] as string
  await settle(engine, target, 1, wholly(sampleSet(await sampleArtifact(content, 'text 0'), 1)))
  const acknowledged: number[] = []
  const served: number[] = []
  const settled: number[] = []
  const runs = size('TOW_BENCH_RUNS', 5)
  for (let step = 1; step <= runs; step += 1) {
    const artifact = await sampleArtifact(content, `text ${step}`)
    const begin = performance.now()
    const settling = settle(engine, target, step + 1, wholly(sampleSet(artifact, step + 1)))
    await untilServed(url, `text ${step}`)
    served.push(performance.now() - begin)
    await settling
    settled.push(performance.now() - begin)
    const again = performance.now()
    await engine.apply(target, step + 1, wholly(sampleSet(artifact, step + 1)))
    acknowledged.push(performance.now() - again)
  }
  const hand = await byHand(runs)
  printFigures('a one-line change on the cluster', [
    { what: 'push, apply, rollout: new text served', unit: 'ms', values: served, bar: '< 2000' },
    { what: 'old release gone and everything settled', unit: 'ms', values: settled },
    { what: 'the same order once more', unit: 'ms', values: acknowledged },
    { what: 'by hand: helm upgrade', unit: 'ms', values: hand.upgrade },
    { what: 'by hand: helm upgrade and rollout status', unit: 'ms', values: hand.rollout },
    { what: 'by hand: until new text served (image pushed before)', unit: 'ms', values: hand.served },
  ])
}

/** The image is there already: what is measured is helm, the rollout and the Gateway. */
async function byHand(runs: number): Promise<{ upgrade: number[]; rollout: number[]; served: number[] }> {
  const figures = { upgrade: [] as number[], rollout: [] as number[], served: [] as number[] }
  const host = `hand.${cluster.namespace}.${env.TOW_TEST_DOMAIN}`
  const words = ['--kubeconfig', env.TOW_TEST_KUBECONFIG as string, '--namespace', cluster.namespace]
  const values = (text: string) => ({
    sets: {
      v1: {
        image: `${env.TOW_TEST_REGISTRY}/base/node:24`,
        processes: {
          web: {
            command: `node -e 'require("http").createServer((q, a) => a.end("${text}")).listen(process.env.PORT)'`,
          },
        },
      },
    },
    drainSeconds: 2,
    route: { hostnames: [host], gateways: [{ name: 'public', namespace: 'gateway' }] },
  })
  const upgrade = async (text: string) => {
    const work = run('helm', ['upgrade', '--install', 'hand', CHART, ...words, '--values', '-'])
    work.child.stdin?.end(JSON.stringify(values(text)))
    await work
  }
  await upgrade('text 0')
  await untilServed(`http://${host}`, 'text 0')
  for (let step = 1; step <= runs; step += 1) {
    const begin = performance.now()
    const serving = untilServed(`http://${host}`, `text ${step}`).then(() => performance.now() - begin)
    await upgrade(`text ${step}`)
    figures.upgrade.push(performance.now() - begin)
    await run('kubectl', ['rollout', 'status', 'deployment/hand--web--v1', ...words])
    figures.rollout.push(performance.now() - begin)
    figures.served.push(await serving)
  }
  return figures
}

async function manyApps(): Promise<void> {
  const count = size('TOW_BENCH_APPS', 100)
  const artifact = await sampleArtifact(content)
  const set = sampleSet(artifact, 1, { processes: { web: webProcess({ count: 0 }) } })
  const desired: Desired = { sets: [set], split: [{ weights: { v1: 0 } }], crons: [] }
  for (let first = 0; first < count; first += 10) {
    const apps = Array.from({ length: Math.min(10, count - first) }, (_, index) => `many-${first + index}`)
    await Promise.all(apps.map((app) => settle(engine, { app, environment: 'stage' }, 1, desired)))
  }
  const observing: number[] = []
  for (let step = 0; step < 10; step += 1) {
    const begin = performance.now()
    await engine.observeAll()
    observing.push(performance.now() - begin)
  }
  const lag: number[] = []
  for (let step = 0; step < 20; step += 1) lag.push(await observeLag(`many-${step % count}`, step + 2))
  await engine.close()
  const begin = performance.now()
  const anew = cluster.engine(content)
  for (;;) {
    const seen = (await anew.observeAll()).filter(({ target }) => target.app.startsWith('many-'))
    if (seen.length === count && seen.every((one) => one.settled)) break
    await delay(20)
  }
  printFigures(`${count} apps in one namespace (no pods: what the engine costs, not the node)`, [
    { what: 'observing all of them', unit: 'ms', values: observing, bar: '< 300' },
    { what: 'from a change in the cluster to whoever watches', unit: 'ms', values: lag, bar: '< 1000' },
    {
      what: 'a new engine, until all was looked at and nothing was to do',
      unit: 'ms',
      values: [performance.now() - begin],
      bar: '< 5000',
    },
  ])
  console.log(`  lag, 95 of 100: ${quantile(lag, 0.95).toFixed(0)} ms`)
}

/** Somebody scales by hand; how long until the engine says that it is not as asked. */
async function observeLag(app: string, replicas: number): Promise<number> {
  const target = { app, environment: 'stage' }
  const path = `/apis/apps/v1/namespaces/${cluster.namespace}/deployments/${app}--web--v1`
  const stop = new AbortController()
  const seen = (async () => {
    for await (const now of engine.watch(target, stop.signal)) if (!now.settled) return performance.now()
    return Number.NaN
  })()
  await delay(50)
  const body = { spec: { paused: true, replicas: 0, revisionHistoryLimit: replicas } }
  const begin = performance.now()
  await cluster.admin.request('PATCH', path, { contentType: 'application/merge-patch+json', body })
  const at = await Promise.race([seen, delay(5000).then(() => Number.NaN)])
  stop.abort()
  return Number.isNaN(at) ? 5000 : at - begin
}
