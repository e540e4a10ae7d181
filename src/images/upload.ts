/** One blob on its way into a registry: in chunks, taken up where it was cut off. */
import { setTimeout as wait } from 'node:timers/promises'
import { TowError } from '../api/errors.ts'
import { discard, pauseBefore } from './http.ts'
import { refusals } from './messages.ts'
import type { Registry } from './registry.ts'

export interface Upload {
  registry: Registry
  repository: string
  digest: string
  /** Bytes. */
  size: number
  /** From the beginning, each time it is called. */
  content: () => AsyncIterable<Uint8Array>
  /** Bytes that went over the wire, those sent twice included. */
  sent: (bytes: number) => void
  signal?: AbortSignal | undefined
}

/** Held in memory until the registry has it, so that it can be sent again without packing from the start. */
const CHUNK = 8 * 1024 ** 2
/** Of the whole, when the registry has forgotten what it had. */
const SESSIONS = 4
/** Of one chunk, without any of it arriving. */
const ATTEMPTS = 5

/** `begun`: an upload that the registry has opened already, as it does when it cannot mount. */
export async function uploadBlob(upload: Upload, begun: URL | null = null): Promise<void> {
  let location = begun
  for (let session = 1; ; session++) {
    location ??= await begin(upload)
    const lost = await sendAll(upload, location)
    if (lost === null) return
    if (session === SESSIONS) throw lost
    await wait(pauseBefore(session), undefined, { signal: upload.signal })
    location = null
  }
}

async function begin({ registry, repository, signal }: Upload): Promise<URL> {
  const response = await registry.call({
    method: 'POST',
    to: `${repository}/blobs/uploads/`,
    repository,
    action: 'push',
    signal,
  })
  if (response.status === 404) {
    await discard(response)
    throw refusals.noRepository(registry.name, repository)
  }
  if (response.status !== 202) throw await registry.failure(response, 'the beginning of an upload')
  await discard(response)
  return registry.locate(response.headers.get('location'), 'the beginning of an upload')
}

/** Null when it is done, else why it has to begin anew. */
async function sendAll(upload: Upload, begun: URL): Promise<TowError | null> {
  let location = begun
  let start = 0
  for await (const { bytes, isLast } of chunksOf(upload.content())) {
    // What fits into one chunk needs no more than the request that ends the upload.
    if (isLast && start === 0) return finish(upload, location, bytes)
    const next = await sendChunk(upload, location, start, bytes)
    if (!next) return refusals.lostUpload(upload.registry.name)
    location = next
    start += bytes.length
  }
  return finish(upload, location, null)
}

async function sendChunk(upload: Upload, begun: URL, start: number, bytes: Uint8Array): Promise<URL | null> {
  let location = begun
  let done = 0
  for (let attempt = 1; done < bytes.length; ) {
    const rest = bytes.subarray(done)
    const from = start + done
    const outcome = await patch(upload, location, from, rest)
    if (outcome instanceof URL) return outcome
    if (outcome === 'gone') return null
    const state = await askState(upload, location)
    if (!state) return null
    const has = state.received - start
    // Bytes that it cannot have from us: this upload is not ours any more.
    if (has < 0 || has > bytes.length) return null
    if (has > done) attempt = 1
    else if (attempt++ >= ATTEMPTS) throw outcome
    done = has
    location = state.location
    await wait(pauseBefore(attempt), undefined, { signal: upload.signal })
  }
  return location
}

/** Where to go on, or that the upload is gone, or what went wrong. */
async function patch(
  { registry, repository, signal, sent }: Upload,
  location: URL,
  from: number,
  bytes: Uint8Array,
): Promise<URL | 'gone' | TowError> {
  sent(bytes.length)
  const response = await answered(() =>
    registry.call({
      method: 'PATCH',
      to: location,
      repository,
      action: 'push',
      headers: {
        'content-type': 'application/octet-stream',
        'content-range': `${from}-${from + bytes.length - 1}`,
      },
      body: bytes,
      // Sent twice it would be appended twice: first the registry is asked what it has.
      repeats: false,
      signal,
    }),
  )
  if (response instanceof TowError) return response
  if (response.status === 404) {
    await discard(response)
    return 'gone'
  }
  if (response.status !== 202 && response.status !== 204) {
    const failure = await registry.failure(response, 'a part of an upload')
    if (response.status === 416) return failure
    throw failure
  }
  await discard(response)
  return registry.locate(response.headers.get('location'), 'a part of an upload')
}

async function askState(
  { registry, repository, signal }: Upload,
  location: URL,
): Promise<{ received: number; location: URL } | null> {
  const response = await registry.call({ method: 'GET', to: location, repository, action: 'push', signal })
  await discard(response)
  if (response.status !== 204 && response.status !== 202) return null
  const [, last] = /^(?:bytes=)?\d+-(\d+)$/.exec(response.headers.get('range') ?? '') ?? []
  const next = response.headers.get('location')
  return {
    // Registries write 0-0 for nothing and for one byte alike; no part of ours is one byte.
    received: last === undefined || last === '0' ? 0 : Number(last) + 1,
    location: next === null ? location : registry.locate(next, 'the state of an upload'),
  }
}

async function finish(upload: Upload, location: URL, bytes: Uint8Array | null): Promise<TowError | null> {
  const { registry, repository, digest, signal, sent } = upload
  const to = new URL(location)
  to.searchParams.set('digest', digest)
  sent(bytes?.length ?? 0)
  const response = await answered(() =>
    registry.call({
      method: 'PUT',
      to,
      repository,
      action: 'push',
      headers: { 'content-type': 'application/octet-stream' },
      // Sent twice the bytes would be appended twice.
      ...(bytes && { body: bytes, repeats: false }),
      signal,
    }),
  )
  if (response instanceof TowError || response.status === 404) {
    if (response instanceof Response) await discard(response)
    // It may have ended well before the answer was lost.
    if (await hasBlob(registry, repository, digest, signal)) return null
    return response instanceof TowError ? response : refusals.lostUpload(registry.name)
  }
  if (response.status !== 201 && response.status !== 204)
    throw await registry.failure(response, 'the end of an upload')
  await discard(response)
  const kept = response.headers.get('docker-content-digest')
  if (kept !== null && kept !== digest) throw refusals.otherBytes('A blob', digest, kept)
  return null
}

/** The answer, or that there is none: what a person is told only where trying again does not help. */
async function answered(call: () => Promise<Response>): Promise<Response | TowError> {
  try {
    return await call()
  } catch (error) {
    if (error instanceof TowError && error.code === 'UNAVAILABLE') return error
    throw error
  }
}

export async function hasBlob(
  registry: Registry,
  repository: string,
  digest: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const response = await registry.call({
    method: 'HEAD',
    to: `${repository}/blobs/${digest}`,
    repository,
    action: 'push',
    signal,
  })
  await discard(response)
  return response.ok
}

/** Cut to the size of a chunk, whatever the size they come in; the last is known to be the last. */
async function* chunksOf(
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ bytes: Uint8Array; isLast: boolean }> {
  let parts: Uint8Array[] = []
  let size = 0
  for await (const part of content) {
    let rest = part
    while (size + rest.length > CHUNK) {
      const taken = rest.subarray(0, CHUNK - size)
      yield { bytes: Buffer.concat([...parts, taken]), isLast: false }
      rest = rest.subarray(taken.length)
      parts = []
      size = 0
    }
    if (rest.length > 0) parts.push(rest)
    size += rest.length
  }
  yield { bytes: Buffer.concat(parts), isLast: true }
}
