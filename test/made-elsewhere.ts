/** An image that Towpath did not make, in the registry of the tests: a base with another config over the same layers. */
import { createHash } from 'node:crypto'

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const INDEX = 'application/vnd.oci.image.index.v1+json'
const CONFIG = 'application/vnd.oci.image.config.v1+json'

const digestOf = (bytes: string) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

async function call(method: string, url: string, body?: string, type = 'application/octet-stream') {
  const accept = `${MANIFEST}, ${INDEX}, application/vnd.docker.distribution.manifest.v2+json`
  const response = await fetch(url, {
    method,
    headers: { accept, 'content-type': type },
    ...(body === undefined ? {} : { body }),
  })
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${await response.text()}`)
  return response
}

/** Pushes `<registry>/<repository>:<tag>`, as an index; answers with the digest of the index. */
export async function makeElsewhere(
  registry: string,
  place: { from: string; fromTag: string; repository: string; tag: string },
  config: Record<string, unknown>,
): Promise<string> {
  const root = `http://${registry}/v2`
  const { from, fromTag, repository, tag } = place
  const base = await (await call('GET', `${root}/${from}/manifests/${fromTag}`)).json()
  const told = await (await call('GET', `${root}/${from}/blobs/${base.config.digest}`)).json()
  for (const { digest } of base.layers)
    await call('POST', `${root}/${repository}/blobs/uploads/?mount=${digest}&from=${from}`)
  const text = JSON.stringify({ ...told, config: { Env: told.config?.Env, ...config } })
  const upload = (await call('POST', `${root}/${repository}/blobs/uploads/`)).headers.get(
    'location',
  ) as string
  const to = new URL(upload, `http://${registry}`)
  to.searchParams.set('digest', digestOf(text))
  await call('PUT', to.href, text)
  const descriptor = { mediaType: CONFIG, digest: digestOf(text), size: Buffer.byteLength(text) }
  const manifest = JSON.stringify({ ...base, mediaType: MANIFEST, config: descriptor })
  await call('PUT', `${root}/${repository}/manifests/${digestOf(manifest)}`, manifest, MANIFEST)
  const index = JSON.stringify({
    schemaVersion: 2,
    mediaType: INDEX,
    manifests: [
      {
        mediaType: MANIFEST,
        digest: digestOf(manifest),
        size: Buffer.byteLength(manifest),
        platform: { os: 'linux', architecture: 'amd64' },
      },
    ],
  })
  await call('PUT', `${root}/${repository}/manifests/${tag}`, index, INDEX)
  return digestOf(index)
}
