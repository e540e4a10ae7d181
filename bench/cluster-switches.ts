/**
 * Switches under constant load through the Gateway of a real cluster: keep-alive clients, slow clients that read a
 * streamed answer, uploads that dribble, event streams and WebSockets. Two apps at once: one that honours the documented
 * way to be told to go, and beside it one that knows nothing of SIGTERM. What fails is counted; the bar is none for the
 * first. Needs TOW_TEST_KUBECONFIG and its kin: `node bench/cluster-switches.ts <switches>`
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSampleContent, sampleArtifact, sampleSet, wholly } from '../src/engines/conformance/sample.ts'
import type { Observation, Target } from '../src/engines/engine.ts'
import { openTestCluster, withoutCluster } from '../src/engines/kubernetes/testing.ts'
import { layerDigests } from '../src/images/layer.ts'
import { printFigures } from './figures.ts'
import { appOfVersion } from './switches/app.ts'
import { type Clients, startClients } from './switches/clients.ts'

if (withoutCluster !== null) {
  console.log(`left out: ${withoutCluster}`)
  process.exit(0)
}
const SWITCHES = Number(process.argv[2] ?? 100)
/** Failures of which the whole story is told. */
const SHOWN = 20
const GATEWAY = `http://${process.env.TOW_TEST_GATEWAY}`
const folder = await mkdtemp(join(tmpdir(), 'tow-bench-switches-'))
const content = createSampleContent(join(folder, 'blobs'), (tree, blobs) =>
  layerDigests(tree.entries, blobs.read, { prefix: 'workspace' }),
)
const cluster = await openTestCluster()
const engine = cluster.engine(content)

interface Outcome {
  took: number[]
  clients: Clients
}

async function artifactOf(source: string) {
  const sample = await sampleArtifact(content)
  const app = await content.keep({ 'server.mjs': source })
  const layer = { kind: 'app' as const, tree: app.hash, ...(await content.digestLayer(app)) }
  return { ...sample, digest: app.hash, layers: [sample.layers[0]!, layer] }
}

async function switchApp(app: string, source: string): Promise<Outcome> {
  const target: Target = { app, environment: 'stage' }
  const artifact = await artifactOf(source)
  const order = (version: number) =>
    wholly(
      sampleSet(artifact, version, {
        processes: {
          web: { command: 'node server.mjs', bootSeconds: 60, graceSeconds: 5, surgePercent: 25, count: 1 },
        },
      }),
    )
  await settle(target, 1, order(1))
  const [url] = (await engine.addresses(target)).public
  const timeline = createTimeline(app)
  const reach = { host: new URL(url!).host, withGrpc: false, failed: timeline.failed }
  const clients = startClients(GATEWAY, reach)
  const took: number[] = []
  try {
    for (let version = 2; version <= SWITCHES + 1; version += 1) {
      const begin = performance.now()
      timeline.begin(version)
      await settle(target, version, order(version), timeline.seen)
      took.push(performance.now() - begin)
    }
  } finally {
    await clients.stop()
  }
  return { took, clients }
}

async function settle(
  target: Target,
  generation: number,
  desired: ReturnType<typeof wholly>,
  seen: (observation: Observation) => void = () => {},
): Promise<void> {
  await engine.apply(target, generation, desired)
  let last: Observation | undefined
  for await (const now of engine.watch(target, AbortSignal.timeout(60_000))) {
    seen(now)
    last = now
    if (now.generation === generation && now.settled) return
  }
  throw new Error(`${target.app} did not settle at ${generation}: ${JSON.stringify(last)}`)
}

/** What had happened of the switch when something failed. */
function createTimeline(app: string) {
  let version = 1
  let began = performance.now()
  let phases: string[] = []
  let last = ''
  let shown = 0
  return {
    begin(next: number) {
      version = next
      began = performance.now()
      phases = []
    },
    seen({ sets, split }: Observation) {
      const states = sets.map(({ id, processes }) => `${id} ${processes.map((one) => one.state).join('+')}`)
      const now = `${states.join(', ')} -> ${Object.keys(split[0]?.weights ?? {}).join()}`
      if (now === last) return
      last = now
      phases.push(`${(performance.now() - began).toFixed(0)} ms ${now}`)
    },
    failed(why: string) {
      if (++shown > SHOWN) return
      const at = (performance.now() - began).toFixed(0)
      console.log(`  ${app}, ${at} ms after v${version} was asked for: ${why}; ${phases.join('; ')}`)
    },
  }
}

const honest = appOfVersion(0)
const careless = honest.slice(0, honest.indexOf("process.on('SIGTERM'"))
try {
  const [good, bad] = await Promise.all([switchApp('honest', honest), switchApp('careless', careless)])
  for (const [what, { took, clients }] of [
    ['an app that honours the contract', good],
    ['an app without a SIGTERM handler', bad],
  ] as const) {
    const { answered, failures, madeAnew } = clients.tally
    const all = Object.values(answered).reduce((sum, one) => sum + one, 0)
    printFigures(`${SWITCHES} switches of ${what}: ${all} answered, ${failures.length} failed`, [
      { what: 'one switch until settled', unit: 'ms', values: took },
    ])
    for (const [kind, times] of Object.entries(answered)) console.log(`  ${kind}: ${times}`)
    console.log(`  event streams and WebSockets that ended with their set and were made anew: ${madeAnew}`)
    for (const failure of new Set(failures)) {
      console.log(`  failed ${failures.filter((one) => one === failure).length} times: ${failure}`)
    }
  }
  if (good.clients.tally.failures.length > 0) process.exitCode = 1
} finally {
  await cluster.dispose()
  await rm(folder, { recursive: true, force: true })
}
