/** A real registry on a port of its own, and small images in it, for the tests of this room. */
import { spawnSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import type { Artifact } from '../api/app-spec.ts'
import type { Credentials } from './credentials.ts'
import { digestOf } from './digest.ts'
import { type LayerEntry, layerDigests, type ReadBlob, writeLayer } from './layer.ts'
import { type Encoded, encode, MEDIA, putManifest } from './manifest.ts'
import { connectRegistry, type Registry } from './registry.ts'
import { launchRegistry, type RunningRegistry } from './test-registry.ts'
import { uploadBlob } from './upload.ts'

export type { RunningRegistry } from './test-registry.ts'

type Skip = (condition: boolean, note: string) => void

const isInstalled = (program: string) => spawnSync('which', [program]).status === 0
const here = new Map<string, boolean>()

/** Skips a test, with the reason, where a program of Debian's is not installed. */
export function needsProgram(skip: Skip, program: 'docker-registry' | 'skopeo' | 'openssl'): void {
  if (!here.has(program)) here.set(program, isInstalled(program))
  skip(!here.get(program), `${program} is not installed (Debian has it)`)
}

/** Debian's registry, alone on its port, ended with the test. `auth` is what its configuration says of logins. */
export async function startRegistry(auth: object | null = null): Promise<RunningRegistry> {
  const registry = await launchRegistry(auth)
  onTestFinished(() => registry.stop())
  return registry
}

export function openRegistry(host: string, login: Credentials | null = null): Registry {
  return connectRegistry(host, { credentials: async () => login })
}

export type Files = Record<string, string | Buffer>

export interface TestContent {
  entries: (tree: string) => Promise<readonly LayerEntry[]>
  readBlob: ReadBlob
  /** An artifact whose layers hold these files. */
  artifact(layers: { dependencies?: Files; app: Files }, more?: Partial<Artifact>): Promise<Artifact>
}

/** Trees and blobs in memory, as the platform keeps them on disk. */
export function testContent(): TestContent {
  const blobs = new Map<string, Buffer>()
  const trees = new Map<string, LayerEntry[]>()
  const keep = (content: string | Buffer) => {
    const bytes = Buffer.from(content)
    blobs.set(hash('sha256', bytes), bytes)
    return hash('sha256', bytes)
  }
  const readBlob: ReadBlob = async function* (digest) {
    yield blobs.get(digest)!
  }
  const layer = async (kind: 'dependencies' | 'app', files: Files) => {
    const entries = entriesOf(files, keep)
    const tree = hash('sha256', JSON.stringify(entries))
    trees.set(tree, entries)
    return { kind, tree, ...(await layerDigests(entries, readBlob, { prefix: 'workspace' })) }
  }
  return {
    readBlob,
    entries: async (tree) => trees.get(tree)!,
    async artifact({ dependencies, app }, more = {}) {
      const layers = [
        ...(dependencies ? [await layer('dependencies', dependencies)] : []),
        await layer('app', app),
      ]
      const sbom = keep(SBOM)
      const facts = {
        layers,
        config: { workdir: '/workspace' as const, env: { PATH: '$WORKSPACE/node_modules/.bin:$PATH' } },
        platform: 'any' as const,
        runtime: { name: 'node' as const, version: '24.1.0', range: '>=20' },
        run: {
          processes: {
            web: { command: 'node server.js', bootSeconds: 60, graceSeconds: 30, surgePercent: 25 },
          },
          crons: {},
          variables: {},
          needs: [],
        },
        sbom,
        ...more,
      }
      return { digest: hash('sha256', JSON.stringify(facts)), ...facts }
    },
  }
}

const SBOM = JSON.stringify({ bomFormat: 'CycloneDX', specVersion: '1.6', version: 1, components: [] })

function entriesOf(files: Files, keep: (content: string | Buffer) => string): LayerEntry[] {
  return Object.entries(files).map(([path, content]) => ({
    path,
    mode: '644',
    digest: keep(content),
    size: Buffer.byteLength(content),
  }))
}

export interface TestBase {
  files?: Files
  /** Further layers over those. */
  above?: Files[]
  user?: string
  login?: Credentials
  env?: string[]
  architecture?: string
  /** As Docker's own tools write them. */
  inDockerWords?: boolean
}

/** Puts a base into a registry; of one layer unless told. */
export async function putBase(host: string, name: string, base: TestBase = {}): Promise<Encoded> {
  const { files = { 'etc/name': name }, env = ['PATH=/usr/bin:/bin', 'NODE_VERSION=24.1.0'] } = base
  const { architecture = 'amd64', inDockerWords = false, above = [], user } = base
  const registry = openRegistry(host, base.login)
  const [repository, tag] = name.split(':') as [string, string]
  const layers = await Promise.all([files, ...above].map(packed))
  const config = Buffer.from(
    JSON.stringify({
      architecture,
      os: 'linux',
      config: { Env: env, ...(user === undefined ? {} : { User: user }) },
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
      history: [{ created_by: 'a test' }, { created_by: 'nothing', empty_layer: true }],
    }),
  )
  for (const bytes of [...layers.map((layer) => layer.bytes), config])
    await putBytes(registry, repository, bytes)
  const manifest = encode(inDockerWords ? MEDIA.dockerManifest : MEDIA.manifest, {
    schemaVersion: 2,
    mediaType: inDockerWords ? MEDIA.dockerManifest : MEDIA.manifest,
    config: {
      mediaType: inDockerWords ? 'application/vnd.docker.container.image.v1+json' : MEDIA.config,
      digest: digestOf(config),
      size: config.length,
    },
    layers: layers.map(({ digest, size }) => ({
      mediaType: inDockerWords ? MEDIA.dockerGzipLayer : MEDIA.gzipLayer,
      ...{ digest, size },
    })),
  })
  await putDocument(registry, repository, tag, manifest)
  return manifest
}

async function packed(files: Files) {
  const blobs = new Map<string, Buffer>()
  const entries = entriesOf(files, (content) => {
    blobs.set(hash('sha256', content), Buffer.from(content))
    return hash('sha256', content)
  })
  const chunks: Uint8Array[] = []
  const readBlob: ReadBlob = async function* (digest) {
    yield blobs.get(digest)!
  }
  const layer = await writeLayer(entries, readBlob, { prefix: '' }, (chunk) => void chunks.push(chunk))
  return { ...layer, bytes: Buffer.concat(chunks) }
}

/** An index of bases that are there, by architecture. */
export async function putIndex(host: string, name: string, bases: Record<string, Encoded>): Promise<Encoded> {
  const [repository, tag] = name.split(':') as [string, string]
  const manifests = Object.entries(bases).map(([architecture, { mediaType, digest, bytes }]) => ({
    mediaType,
    digest,
    size: bytes.length,
    platform: { os: 'linux', architecture },
  }))
  const index = encode(MEDIA.index, { schemaVersion: 2, mediaType: MEDIA.index, manifests })
  await putDocument(openRegistry(host), repository, tag, index)
  return index
}

async function putDocument(registry: Registry, repository: string, name: string, document: Encoded) {
  await putManifest({ registry, repository, name, document, sent: () => {} })
}

async function putBytes(registry: Registry, repository: string, bytes: Buffer): Promise<void> {
  const content = async function* () {
    yield bytes
  }
  const upload = { registry, repository, digest: digestOf(bytes), size: bytes.length }
  await uploadBlob({ ...upload, content, sent: () => {} })
}

export type Fault =
  /** Answered so, and the registry never hears of it. */
  | { answer: number; headers?: Record<string, string> }
  /** The connection ends when this many bytes of the body have passed. */
  | { cutAfter: number }
  /** Answered by the registry, which is made to say more than it does. */
  | { adds: Record<string, string> }
  /** The registry does it, and its answer is lost. */
  | 'lose-answer'
  | null

/** Stands before a registry and harms what passes; tells `host:port`. `decide` is asked for every request. */
export async function startFaults(
  target: string,
  decide: (request: IncomingMessage) => Fault | Promise<Fault>,
): Promise<string> {
  const [hostname, port] = target.split(':')
  const server = createServer(async (incoming, answer) => {
    const fault = await decide(incoming)
    if (fault && typeof fault === 'object' && 'answer' in fault) {
      incoming.resume().on('end', () => answer.writeHead(fault.answer, fault.headers).end())
      return
    }
    const { method, url: path, headers } = incoming
    const connection = incoming.socket
    const outgoing = request({ hostname, port, method, path, headers })
    outgoing.on('error', () => connection.destroy())
    outgoing.on('response', (response) => {
      if (fault === 'lose-answer') {
        connection.destroy()
        return
      }
      const added = fault && 'adds' in fault ? fault.adds : {}
      answer.writeHead(response.statusCode!, { ...response.headers, ...added })
      response.pipe(answer)
    })
    if (!fault || fault === 'lose-answer' || !('cutAfter' in fault)) {
      incoming.pipe(outgoing)
      return
    }
    let passed = 0
    for await (const part of incoming as AsyncIterable<Buffer>) {
      const room = fault.cutAfter - passed
      passed += part.length
      if (passed < fault.cutAfter) outgoing.write(part)
      else {
        // What was written must have left before the connection is cut.
        outgoing.write(part.subarray(0, room), () => outgoing.destroy())
        connection.destroy()
        return
      }
    }
    outgoing.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}
