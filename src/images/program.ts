/** A program of our own as an image: its files over the base for Node, under a name that its content gives it. */
import { createHash } from 'node:crypto'
import type { Artifact } from '../api/app-spec.ts'
import type { Bases } from './base.ts'
import type { ImagePlatform } from './image.ts'
import { type LayerEntry, layerDigests, type ReadBlob } from './layer.ts'
import type { PushedImage, PushRequest } from './push.ts'

export interface ProgramRequest {
  /** For people who look at the image. */
  name: string
  /** By their paths below `/workspace`. */
  files: ReadonlyMap<string, Uint8Array>
  /** What it asks of Node, e.g. `>=22.18`. */
  node: string
  bases: Bases
  platform: ImagePlatform
  /** `registry.example.com/team/tow-router`. */
  repository: string
}

const WORKDIR = '/workspace'

/** Repeating it sends nothing: the same files over the same base are the same image. */
export async function pushProgram(
  push: (request: PushRequest, signal?: AbortSignal) => Promise<PushedImage>,
  { name, files, node, ...place }: ProgramRequest,
  signal?: AbortSignal,
): Promise<PushedImage> {
  const contents = new Map<string, Uint8Array>()
  const keep = (bytes: Uint8Array) => {
    const digest = createHash('sha256').update(bytes).digest('hex')
    contents.set(digest, bytes)
    return digest
  }
  const readBlob: ReadBlob = async function* (digest) {
    yield contents.get(digest) as Uint8Array
  }
  const entries = [...files]
    .map(([path, bytes]): LayerEntry => ({ path, mode: '644', digest: keep(bytes), size: bytes.length }))
    .sort((one, other) => (one.path < other.path ? -1 : 1))
  const tree = createHash('sha256').update(JSON.stringify(entries)).digest('hex')
  const digests = await layerDigests(entries, readBlob, { prefix: WORKDIR.slice(1) })
  const artifact: Artifact = {
    digest: tree,
    layers: [{ kind: 'app', tree, ...digests }],
    config: { workdir: WORKDIR, env: {} },
    platform: 'any',
    runtime: { name: 'node', version: '24.0.0', range: node },
    run: { processes: {}, crons: {}, variables: {}, needs: [] },
    sbom: keep(Buffer.from(bomOf(name))),
  }
  return push({ ...place, artifact, app: name, entries: async () => entries, readBlob }, signal)
}

function bomOf(name: string): string {
  const component = { type: 'application', name, 'bom-ref': name }
  return JSON.stringify({
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component },
    components: [],
  })
}
