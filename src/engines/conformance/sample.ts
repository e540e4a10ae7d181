/** The app that the suite ships: one small Node server that misbehaves on request. */
import type { Artifact } from '../../api/app-spec.ts'
import { type BlobStore, createBlobStore } from '../../trees/blob-store.ts'
import { makeTree, type Tree } from '../../trees/tree.ts'
import type { ContentSource, Desired, DesiredSet } from '../engine.ts'

const SERVER = `
const http = require('node:http')
const port = Number(process.env.PORT)
const mode = process.argv[2] ?? 'serve'
const text = process.argv[3] ?? ''
const answer = (request, response) => {
  const url = new URL(request.url, 'http://x')
  const say = (value) => response.end(JSON.stringify(value))
  if (url.pathname === '/healthz') return response.end('ok')
  if (url.pathname === '/env') return say(process.env)
  if (url.pathname === '/slow') return setTimeout(() => say({ release: process.env.TOW_RELEASE }), Number(url.searchParams.get('ms')))
  if (url.pathname === '/events') {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    return response.write('data: here\\n\\n')
  }
  if (url.pathname === '/log') { console.log(url.searchParams.get('text')); return say({}) }
  if (url.pathname === '/file') return response.end(require('node:fs').readFileSync('note.txt'))
  if (url.pathname === '/exit') { say({}); return setTimeout(() => process.exit(Number(url.searchParams.get('code'))), 20) }
  if (url.pathname === '/eat') {
    say({})
    const eaten = []
    return setInterval(() => eaten.push(Buffer.alloc(16 * 1024 * 1024, 1)), 5)
  }
  say({ release: process.env.TOW_RELEASE, process: process.env.TOW_PROCESS, pid: process.pid })
}
if (mode === 'serve') http.createServer(answer).listen(port, () => console.log('serving'))
if (mode === 'unhealthy') http.createServer((_, response) => response.writeHead(500).end()).listen(port)
if (mode === 'crash') { console.log('about to crash'); console.error(text); process.exit(3) }
if (mode === 'deaf') setInterval(() => {}, 1000)
if (mode === 'wrong-port') http.createServer(answer).listen(0, '127.0.0.1')
if (mode === 'ipv6') http.createServer(answer).listen({ port, host: '::1', ipv6Only: true })
if (mode === 'work') { console.log('working'); setInterval(() => {}, 1000) }
if (mode === 'say') { console.log(text); process.exit(Number(process.argv[4] ?? 0)) }
if (mode === 'count') for (let i = 0; i < Number(text); i++) console.log('line ' + i)
if (mode === 'echo') process.stdin.on('data', (data) => process.stdout.write('got ' + data)).on('end', () => process.exit(7))
if (mode === 'size') { process.stdout.write(process.stdout.columns + 'x' + process.stdout.rows + '\\n'); process.exit(0) }
`

const SBOM = JSON.stringify({ bomFormat: 'CycloneDX', specVersion: '1.6', version: 1, components: [] })

type LayerFacts = Pick<Artifact['layers'][number], 'diffId' | 'digest' | 'size'>
export type DigestLayer = (tree: Tree, blobs: BlobStore) => Promise<LayerFacts>

export interface SampleContent extends ContentSource {
  /** Keeps files as a tree, by path. */
  keep(files: Record<string, string>): Promise<Tree>
  digestLayer(tree: Tree): Promise<LayerFacts>
}

/** A content source over a blob store in the folder. */
export function createSampleContent(folder: string, digestLayer?: DigestLayer): SampleContent {
  const blobs = createBlobStore(folder)
  const trees = new Map<string, Tree>()
  return {
    blobs,
    digestLayer: async (tree) =>
      digestLayer?.(tree, blobs) ?? { diffId: `sha256:${tree.hash}`, digest: `sha256:${tree.hash}`, size: 0 },
    async tree(hash) {
      const tree = trees.get(hash)
      if (!tree) throw new Error(`no tree ${hash}`)
      return tree
    },
    async keep(files) {
      const entries = await Promise.all(
        Object.entries(files).map(async ([path, text]) => {
          const { digest, size } = await blobs.add(Buffer.from(text))
          return { path, mode: '644' as const, digest, size }
        }),
      )
      const tree = makeTree(entries)
      trees.set(tree.hash, tree)
      return tree
    },
  }
}

/** The sample app as an artifact: a dependency layer and an app layer. */
export async function sampleArtifact(content: SampleContent, note = 'first'): Promise<Artifact> {
  const dependencies = await content.keep({ 'node_modules/dep/index.js': 'module.exports = 1\n' })
  const app = await content.keep({ 'app.js': SERVER, 'note.txt': note })
  const layer = async (kind: 'dependencies' | 'app', tree: Tree) => ({
    kind,
    tree: tree.hash,
    ...(await content.digestLayer(tree)),
  })
  return {
    digest: app.hash,
    layers: [await layer('dependencies', dependencies), await layer('app', app)],
    config: { workdir: '/workspace', env: { FROM_ARTIFACT: '$WORKSPACE/x' } },
    platform: 'any',
    runtime: { name: 'node', version: '24.0.0', range: '>=18' },
    run: { processes: {}, crons: {}, variables: {}, needs: [] },
    sbom: (await content.blobs.add(Buffer.from(SBOM))).digest,
  }
}

type ProcessChange = Partial<DesiredSet['processes'][string]>

export function webProcess(change: ProcessChange = {}): DesiredSet['processes'][string] {
  const usual = { health: '/healthz', bootSeconds: 20, graceSeconds: 5, surgePercent: 25, count: 1 }
  return { command: 'node app.js serve', ...usual, ...change }
}

export function sampleSet(artifact: Artifact, release: number, change: Partial<DesiredSet> = {}): DesiredSet {
  return { id: `v${release}`, release, artifact, config: {}, processes: { web: webProcess() }, ...change }
}

/** Everything to one set. */
export function wholly(...sets: DesiredSet[]): Desired {
  return { sets, split: [{ weights: { [sets.at(-1)!.id]: 1 } }], crons: [] }
}
