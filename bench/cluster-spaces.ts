/**
 * Spaces on a real cluster: how long until a new one is usable, what a call through the hop costs beside a straight one, and
 * what many spaces cost. Needs TOW_TEST_KUBECONFIG and its kin. TOW_BENCH_SPACES and TOW_BENCH_CALLS change the sizes.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createSampleContent, sampleArtifact, sampleSet, wholly } from '../src/engines/conformance/sample.ts'
import type { Desired, Target } from '../src/engines/engine.ts'
import { openTestCluster, withoutCluster } from '../src/engines/kubernetes/testing.ts'
import { layerDigests } from '../src/images/layer.ts'
import { printFigures, quantile } from './figures.ts'

const { env } = process
if (withoutCluster !== null) {
  console.log(`left out: ${withoutCluster}`)
  process.exit(0)
}
const SPACES = Number(env.TOW_BENCH_SPACES ?? 3)
const CALLS = Number(env.TOW_BENCH_CALLS ?? 2000)
const folder = await mkdtemp(join(tmpdir(), 'tow-bench-spaces-'))
const content = createSampleContent(join(folder, 'blobs'), (tree, blobs) =>
  layerDigests(tree.entries, blobs.read, { prefix: 'workspace' }),
)
const cluster = await openTestCluster()
const engine = cluster.engine(content)
const shop: Target = { app: 'shop', environment: 'stage' }
const plain: Target = { app: 'plain', environment: 'stage' }
try {
  const artifact = await sampleArtifact(content)
  await Promise.all([shop, plain].map((target) => settle(target, 1, wholly(sampleSet(artifact, 1)))))
  const inside = (await engine.addresses(shop)).internal
  const straight = await calls(inside)
  const usable: number[] = []
  for (let step = 1; step <= SPACES; step += 1) {
    const target = { ...shop, space: `space-${step}` }
    const set = sampleSet(await sampleArtifact(content, `note ${step}`), 1, { id: `space-${step}.1` })
    const begin = performance.now()
    await engine.apply(target, 1, { ...wholly(set), overlay: {} })
    await untilServed(`${(await engine.addresses(target)).public[0]}/file`, `note ${step}`)
    usable.push(performance.now() - begin)
    await settle(target, 1, { ...wholly(set), overlay: {} })
  }
  const through = await calls(inside)
  const beside = await calls((await engine.addresses(plain)).internal)
  printFigures(`spaces on the cluster: ${SPACES} over one app`, [
    {
      what: 'the first, with the hop made: its page is served',
      unit: 'ms',
      values: usable.slice(0, 1),
      bar: '< 15000',
    },
    { what: 'another one: its page is served', unit: 'ms', values: usable.slice(1), bar: '< 15000' },
    { what: 'a call straight to an app, before any space (max is 99 of 100)', unit: 'ms', values: straight },
    { what: 'the same through the hop', unit: 'ms', values: through, bar: '<= 1 added (p99)' },
    { what: 'a call to an app that nobody overrides', unit: 'ms', values: beside, bar: 'unchanged' },
  ])
} finally {
  await cluster.dispose()
  await rm(folder, { recursive: true, force: true })
}

async function settle(target: Target, generation: number, desired: Desired): Promise<void> {
  await engine.apply(target, generation, desired)
  for await (const seen of engine.watch(target, AbortSignal.timeout(120_000))) {
    if (seen.generation === generation && seen.settled) return
  }
  throw new Error(`${target.app} did not settle`)
}

/** By another pod, over a connection that it keeps. */
async function calls(url: string): Promise<number[]> {
  const answer = await cluster.fetch(`${url}/healthz`, { headers: { 'x-times': String(CALLS) } })
  const took = (await answer.json()) as number[]
  const tail = quantile(took, 0.99)
  return [...took.filter((one) => one < tail), tail]
}

async function untilServed(url: string, text: string): Promise<void> {
  for (;;) {
    const served = await cluster.fetch(url).then(
      (answer) => answer.text(),
      () => '',
    )
    if (served === text) return
    await delay(20)
  }
}
