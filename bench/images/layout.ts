/** Images by hand, as an OCI layout in a folder: tar, gzip, and skopeo to bring them to a registry. */
import { execFile, execFileSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Blob {
  digest: string
  diffId: string
  size: number
}

export function createLayout(layout: string) {
  const blobPath = (digest: string) => join(layout, 'blobs', digest.replace(':', '/'))

  function keepBlob(bytes: Buffer): string {
    const digest = `sha256:${hash('sha256', bytes)}`
    mkdirSync(join(layout, 'blobs/sha256'), { recursive: true })
    writeFileSync(blobPath(digest), bytes)
    return digest
  }

  function tarOf(folder: string, prefix: string): Blob {
    const transform = ['--transform', `s,^\\.,${prefix},`]
    const tarred = execFileSync(
      'tar',
      ['-C', folder, '--mtime=@315532801', '--sort=name', ...transform, '-c', '.'],
      {
        maxBuffer: 1e9,
      },
    )
    const packed = execFileSync('gzip', ['-n', '-4'], { input: tarred, maxBuffer: 1e9 })
    return { digest: keepBlob(packed), diffId: `sha256:${hash('sha256', tarred)}`, size: packed.length }
  }

  function writeLayout(layers: Blob[], facts: object, tag: string): void {
    const config = Buffer.from(
      JSON.stringify({ ...facts, rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) } }),
    )
    const oci = 'application/vnd.oci.image'
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: `${oci}.manifest.v1+json`,
        config: { mediaType: `${oci}.config.v1+json`, digest: keepBlob(config), size: config.length },
        layers: layers.map(({ digest, size }) => ({ mediaType: `${oci}.layer.v1.tar+gzip`, digest, size })),
      }),
    )
    const annotations = { 'org.opencontainers.image.ref.name': tag }
    const digest = keepBlob(manifest)
    const entry = { mediaType: `${oci}.manifest.v1+json`, digest, size: manifest.length, annotations }
    writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }))
    writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  }

  /** Not waited for in one go: the proxy that counts runs in this process. */
  async function skopeo(from: string, to: string): Promise<void> {
    const flags = ['--src-tls-verify=false', '--dest-tls-verify=false']
    await run('skopeo', ['copy', '-q', ...flags, from, to])
  }

  /** The base as skopeo lays it out, to build upon by hand. */
  async function fetchBase(host: string): Promise<{ layers: Blob[]; config: object }> {
    rmSync(layout, { recursive: true, force: true })
    await skopeo(`docker://${host}/base/node:24`, `oci:${layout}:base`)
    const read = (digest: string) => JSON.parse(readFileSync(blobPath(digest), 'utf8'))
    const manifest = read(JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')).manifests[0].digest)
    const { rootfs, ...config } = read(manifest.config.digest)
    const layers = manifest.layers.map(({ digest, size }: Blob, index: number) => ({
      digest,
      size,
      diffId: rootfs.diff_ids[index],
    }))
    return { layers, config }
  }

  return { tarOf, writeLayout, skopeo, fetchBase }
}
