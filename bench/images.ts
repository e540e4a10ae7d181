/**
 * A one-line change of a small Node app becomes an image in a registry: time of each phase and bytes on the wire,
 * beside the same by hand (tar, gzip, skopeo). Against the registry in TOW_TEST_REGISTRY with its base/node:24, else
 * against Debian's docker-registry with a base of 40 MB: `npm run bench -- images [runs]`.
 */
import { spawnSync } from 'node:child_process'
import { createHash, hash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Artifact } from '../src/api/app-spec.ts'
import { createImages, type PushRequest } from '../src/images/index.ts'
import { layerDigests } from '../src/images/layer.ts'
import { launchRegistry } from '../src/images/test-registry.ts'
import { createBlobStore } from '../src/trees/blob-store.ts'
import { storeFolder } from '../src/trees/store-folder.ts'
import type { Tree } from '../src/trees/tree.ts'
import { printFigures } from './figures.ts'
import { createLayout } from './images/layout.ts'

const RUNS = Number(process.argv[2] ?? 10)
const home = mkdtempSync(join(tmpdir(), 'tow-bench-images-'))
const [app, dependencies, layout] = ['app', 'dependencies', 'layout'].map((name) => join(home, name)) as [
  string,
  string,
  string,
]
const { tarOf, writeLayout, skopeo, fetchBase } = createLayout(layout)
const isHere = (program: string) => spawnSync('which', [program]).status === 0
if (!isHere('docker-registry') && !process.env.TOW_TEST_REGISTRY) {
  console.log('left out: there is no TOW_TEST_REGISTRY, and docker-registry is not installed')
  process.exit(0)
}
if (!isHere('skopeo')) {
  console.log('left out: skopeo is not installed, which puts the base there and is the peer')
  process.exit(0)
}

/** Passes everything on and counts what goes to the registry, headers included. */
async function countingProxy(target: string): Promise<{ host: string; take(): number; close(): void }> {
  const [hostname, port] = target.split(':') as [string, string]
  let bytes = 0
  const server = createServer((incoming) => {
    const outgoing = connect(Number(port), hostname)
    for (const socket of [incoming, outgoing]) socket.setNoDelay(true).on('error', () => {})
    incoming.on('data', (part) => {
      bytes += part.length
    })
    incoming.pipe(outgoing).pipe(incoming)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const take = () => {
    const taken = bytes
    bytes = 0
    return taken
  }
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, take, close: () => server.close() }
}

function makeApp(): void {
  mkdirSync(app, { recursive: true })
  writeFileSync(join(app, 'package.json'), '{"name":"hello","type":"module"}\n')
  writeFileSync(join(app, 'server.js'), 'import { createServer } from "node:http"\n'.repeat(40))
  for (let file = 0; file < 300; file++) {
    const folder = join(dependencies, `node_modules/package-${file % 40}/lib`)
    mkdirSync(folder, { recursive: true })
    const text = Array.from(
      { length: 400 },
      (_, line) => `exports.v${line} = "${hash('md5', `${file} ${line}`)}"`,
    )
    writeFileSync(join(folder, `file-${file}.js`), text.join('\n'))
  }
}

/** A base of one layer that does not get smaller, put there by skopeo. */
async function putBase(host: string): Promise<void> {
  const root = join(home, 'root')
  mkdirSync(root)
  writeFileSync(join(root, 'base'), randomBytes(40_000_000))
  const layer = tarOf(root, '.')
  const config = { architecture: 'amd64', os: 'linux', config: { Env: ['NODE_VERSION=24.0.0'] } }
  writeLayout([layer], config, 'base')
  await skopeo(`oci:${layout}:base`, `docker://${host}/base/node:24`)
}

async function time<T>(work: () => T | Promise<T>): Promise<[milliseconds: number, result: T]> {
  const begin = performance.now()
  const result = await work()
  return [performance.now() - begin, result]
}

const own = process.env.TOW_TEST_REGISTRY ? null : await launchRegistry()
const registry = process.env.TOW_TEST_REGISTRY ?? own!.host
const proxy = await countingProxy(registry)
try {
  makeApp()
  if (own) await putBase(registry)
  const blobs = createBlobStore(join(home, 'blobs'))
  const trees = new Map<string, Tree>()
  const sbom = await blobs.add(
    Buffer.from(JSON.stringify({ bomFormat: 'CycloneDX', specVersion: '1.6', version: 1 })),
  )
  const layer = async (kind: 'dependencies' | 'app', folder: string) => {
    const { tree } = await storeFolder(folder, blobs)
    trees.set(tree.hash, tree)
    return {
      kind,
      tree: tree.hash,
      ...(await layerDigests(tree.entries, blobs.read, { prefix: 'workspace' })),
    }
  }
  const kept = await layer('dependencies', dependencies)
  const build = async (): Promise<Artifact> => {
    const web = { command: 'node server.js', bootSeconds: 60, graceSeconds: 30, surgePercent: 25 }
    const facts = {
      layers: [kept, await layer('app', app)],
      config: { workdir: '/workspace' as const, env: {} },
      platform: 'any' as const,
      runtime: { name: 'node' as const, version: '24.0.0', range: '>=20' },
      run: { processes: { web }, crons: {}, variables: {}, needs: [] },
      sbom: sbom.digest,
    }
    return { digest: createHash('sha256').update(JSON.stringify(facts)).digest('hex'), ...facts }
  }
  const images = createImages({ credentials: async () => null })
  const place = `${proxy.host}/bench/ours-${process.pid}`
  const push = (artifact: Artifact) => {
    const request: PushRequest = {
      artifact,
      app: 'hello',
      entries: async (tree) => trees.get(tree)!.entries,
      readBlob: blobs.read,
      bases: { node: `${proxy.host}/base/node:{major}` },
      platform: { os: 'linux', arch: 'x64' },
      repository: place,
    }
    return images.push(request)
  }

  const [firstOurs] = await time(async () => push(await build()))
  proxy.take()
  const ours: { build: number; push: number; sent: number }[] = []
  for (let round = 0; round < RUNS; round++) {
    appendFileSync(join(app, 'server.js'), `// change ${round}\n`)
    const [built, artifact] = await time(build)
    const [pushed] = await time(() => push(artifact))
    ours.push({ build: built, push: pushed, sent: proxy.take() })
  }

  const base = await fetchBase(registry)
  const below = [...base.layers, tarOf(dependencies, 'workspace')]
  const byHand = (tag: string) => {
    writeLayout([...below, tarOf(app, 'workspace')], base.config, tag)
    return `docker://${proxy.host}/bench/hand-${process.pid}:${tag}`
  }
  const [firstHand] = await time(() => skopeo(`oci:${layout}:first`, byHand('first')))
  proxy.take()
  const hand: { build: number; push: number; sent: number }[] = []
  for (let round = 0; round < RUNS; round++) {
    appendFileSync(join(app, 'server.js'), `// change by hand ${round}\n`)
    const [built, to] = await time(() => byHand(`round-${round}`))
    const [pushed] = await time(() => skopeo(`oci:${layout}:round-${round}`, to))
    hand.push({ build: built, push: pushed, sent: proxy.take() })
  }

  const figures = (name: string, runs: typeof ours, bar: boolean) => [
    { what: `${name}: layer`, unit: 'ms', values: runs.map((one) => one.build) },
    { what: `${name}: push`, unit: 'ms', values: runs.map((one) => one.push) },
    {
      what: `${name}: both`,
      unit: 'ms',
      values: runs.map((one) => one.build + one.push),
      ...(bar && { bar: '< 1000' }),
    },
    {
      what: `${name}: sent`,
      unit: 'kB',
      values: runs.map((one) => one.sent / 1e3),
      ...(bar && { bar: '< 100' }),
    },
  ]
  const baseMegabytes = base.layers.reduce((sum, { size }) => sum + size, 0) / 1e6
  printFigures(
    `One-line change to image in the registry, ${RUNS} runs (base ${baseMegabytes.toFixed(0)} MB, dependencies ${(kept.size / 1e6).toFixed(1)} MB)`,
    [
      { what: 'Towpath: first image', unit: 'ms', values: [firstOurs] },
      ...figures('Towpath', ours, true),
      { what: 'by hand: first image', unit: 'ms', values: [firstHand] },
      ...figures('by hand', hand, false),
    ],
  )
  console.log(
    '  by hand: tar, gzip -4 and skopeo; without SBOM, provenance, and any look at whether it fits its base',
  )
} finally {
  proxy.close()
  await own?.stop()
  rmSync(home, { recursive: true, force: true })
}
process.exit(0)
