import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { digestOf } from './digest.ts'
import { readBlobFrom } from './image.ts'
import {
  type Fault,
  needsProgram,
  openRegistry,
  type RunningRegistry,
  startFaults,
  startRegistry,
} from './testing.ts'
import { uploadBlob } from './upload.ts'

const MEGABYTE = 1024 ** 2
/** Two chunks and a rest. */
const bytes = randomBytes(20 * MEGABYTE)
const digest = digestOf(bytes)
const REPOSITORY = 'apps/shop'

let real: RunningRegistry
beforeEach(async ({ skip }) => {
  needsProgram(skip, 'docker-registry')
  real = await startRegistry()
})

async function upload(host: string, content = bytes): Promise<{ read: number; sent: number }> {
  const counts = { read: 0, sent: 0 }
  await uploadBlob({
    registry: openRegistry(host),
    repository: REPOSITORY,
    digest: digestOf(content),
    size: content.length,
    async *content() {
      counts.read += 1
      // Odd pieces, as a compressor gives them.
      for (let at = 0; at < content.length; at += 777_777) yield content.subarray(at, at + 777_777)
    },
    sent: (count) => {
      counts.sent += count
    },
  })
  return counts
}

async function stored(content = bytes): Promise<boolean> {
  const parts: Uint8Array[] = []
  for await (const part of readBlobFrom(openRegistry(real.host), REPOSITORY, digestOf(content)))
    parts.push(part)
  return Buffer.concat(parts).equals(content)
}

/** Does something to the first request that is meant, and lets all others pass. */
function onceFor(isMeant: (request: IncomingMessage) => boolean, fault: Fault) {
  let isDone = false
  return (request: IncomingMessage): Fault => {
    if (isDone || !isMeant(request)) return null
    isDone = true
    return fault
  }
}
const isMethod = (method: string) => (request: IncomingMessage) => request.method === method

test('a registry that is away for a while is waited for: what it has is not sent again', async () => {
  const isSecond = ({ method, headers }: IncomingMessage) =>
    method === 'PATCH' && headers['content-range']!.startsWith(`${8 * MEGABYTE}-`)
  const front = await startFaults(real.host, onceFor(isSecond, { answer: 503 }))
  const { read, sent } = await upload(front)
  expect(read).toBe(1)
  expect(sent).toBe(bytes.length + 8 * MEGABYTE)
  expect(await stored()).toBe(true)
})

test('a connection that is cut within a part begins anew with a registry that then forgets all', async () => {
  const front = await startFaults(real.host, onceFor(isMethod('PATCH'), { cutAfter: 3 * MEGABYTE }))
  expect((await upload(front)).read).toBe(2)
  expect(await stored()).toBe(true)
})

test('a connection that is cut within a part goes on there with a registry that keeps what arrived', async () => {
  const keeping = await startKeepingRegistry({ cutAfter: 3 * MEGABYTE })
  const { read, sent } = await upload(keeping.host)
  expect(read).toBe(1)
  expect(sent).toBe(8 * MEGABYTE + bytes.length - 3 * MEGABYTE)
  expect(digestOf(keeping.kept())).toBe(digest)
})

/** Uploads alone, as the specification has them. Debian's registry drops a part that is cut; others keep it. */
async function startKeepingRegistry({ cutAfter }: { cutAfter: number }) {
  const kept: Buffer[] = []
  let size = 0
  let isCut = false
  const server = createServer(async (request, answer) => {
    const headers = { location: '/upload', range: `0-${Math.max(0, size - 1)}` }
    if (request.method === 'POST') return answer.writeHead(202, headers).end()
    if (request.method === 'GET')
      return answer.writeHead(request.url === '/upload' ? 204 : 200, headers).end()
    const [first] = (request.headers['content-range'] ?? `${size}-`).split('-')
    for await (const part of request as AsyncIterable<Buffer>) {
      const taken = part.subarray(0, isCut ? part.length : cutAfter - size)
      kept.push(taken)
      size += taken.length
      if (isCut || size < cutAfter) continue
      isCut = true
      return request.socket.destroy()
    }
    const isOrdered = Number(first) + Number(request.headers['content-length']) === size
    return answer.writeHead(isOrdered ? (request.method === 'PUT' ? 201 : 202) : 416, headers).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, kept: () => Buffer.concat(kept) }
}

test.each([
  ['too many requests', { answer: 429, headers: { 'retry-after': '0' } }],
  ['a server that is away', { answer: 503, headers: { 'retry-after': '0' } }],
  ['an answer that is lost', 'lose-answer'],
  ['a connection that is cut at once', { cutAfter: 0 }],
] as [string, Fault][])('%s, once for every kind of request', async (_, fault) => {
  const met = new Set<string>()
  const front = await startFaults(real.host, ({ method }) => {
    if (met.has(method!)) return null
    met.add(method!)
    return method === 'GET' || method === 'HEAD' ? null : fault
  })
  await upload(front)
  expect(met).toContain('PATCH')
  expect(await stored()).toBe(true)
})

test('an upload that the registry has lost begins anew', async () => {
  let isForgotten = false
  const front = await startFaults(real.host, async (request) => {
    if (isForgotten || request.method !== 'PATCH') return null
    isForgotten = true
    const { status } = await fetch(`http://${real.host}${request.url}`, { method: 'DELETE' })
    expect(status).toBe(204)
    return null
  })
  const { read } = await upload(front)
  expect(isForgotten).toBe(true)
  expect(read).toBe(2)
  expect(await stored()).toBe(true)
})

test('what is small takes one request to open and one to send', async () => {
  const requests: string[] = []
  const front = await startFaults(real.host, ({ method }) => {
    requests.push(method!)
    return null
  })
  const small = Buffer.from('small')
  await upload(front, small)
  expect(requests).toEqual(['GET', 'POST', 'PUT'])
  expect(await stored(small)).toBe(true)
})

test('an empty blob and one that ends with a chunk arrive too', async () => {
  for (const size of [0, 8 * MEGABYTE, 16 * MEGABYTE]) {
    const content = bytes.subarray(0, size)
    await upload(real.host, content)
    expect(await stored(content)).toBe(true)
  }
})

test('a registry that stays away is named, and what it was asked for', async () => {
  const front = await startFaults(real.host, ({ method }) =>
    method === 'POST' ? { answer: 503, headers: { 'retry-after': '0' } } : null,
  )
  await expect(upload(front)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: `The registry ${front} failed with 503`,
  })
})

test('bytes that were changed under way are not kept', async () => {
  const registry = openRegistry(real.host)
  const content = async function* () {
    yield Buffer.from('other bytes')
  }
  const changed = uploadBlob({
    registry,
    repository: REPOSITORY,
    digest,
    size: bytes.length,
    content,
    sent: () => {},
  })
  await expect(changed).rejects.toThrow(/answered 400 to the end of an upload.*digest/)
  await expect(stored()).rejects.toThrow('There is no image')
})
