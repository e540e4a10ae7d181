// Serves a folder of static files; shipped inside the artifact, so it is one file that needs nothing but Node 18.
// It renders nothing, lists no folders and follows no link out of its folder.
// Usage: PORT=8080 node static-server.mjs [--spa] [folder]
import { createHash } from 'node:crypto'
import { createReadStream, promises as fs } from 'node:fs'
import { createServer } from 'node:http'
import path from 'node:path'
import { pipeline } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import zlib from 'node:zlib'

const TYPES = {
  avif: 'image/avif',
  css: 'text/css; charset=utf-8',
  csv: 'text/csv; charset=utf-8',
  gif: 'image/gif',
  htm: 'text/html; charset=utf-8',
  html: 'text/html; charset=utf-8',
  ico: 'image/x-icon',
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  js: 'text/javascript; charset=utf-8',
  json: 'application/json; charset=utf-8',
  map: 'application/json; charset=utf-8',
  md: 'text/markdown; charset=utf-8',
  mjs: 'text/javascript; charset=utf-8',
  mp3: 'audio/mpeg',
  mp4: 'video/mp4',
  otf: 'font/otf',
  pdf: 'application/pdf',
  png: 'image/png',
  svg: 'image/svg+xml; charset=utf-8',
  ttf: 'font/ttf',
  txt: 'text/plain; charset=utf-8',
  wasm: 'application/wasm',
  wav: 'audio/wav',
  webm: 'video/webm',
  webmanifest: 'application/manifest+json; charset=utf-8',
  webp: 'image/webp',
  woff: 'font/woff',
  woff2: 'font/woff2',
  xml: 'application/xml; charset=utf-8',
  zip: 'application/zip',
}
const COMPRESSIBLE = /^(text\/|application\/(json|manifest\+json|xml|wasm)|image\/svg\+xml|font\/(ttf|otf))/
const COMPRESS = {
  br: (data) =>
    promisify(zlib.brotliCompress)(data, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 } }),
  gzip: (data) => promisify(zlib.gzip)(data, { level: 6 }),
}
const SMALLEST_COMPRESSED = 1024
const LARGEST_COMPRESSED = 4 * 1024 * 1024
const CACHE_BYTES = 64 * 1024 * 1024
const PRIVATE_FILES = new Set(['Procfile', 'tow.yaml', 'tow.yml', 'node_modules'])

/** Answers requests for files below `folder`. `spa`: unknown pages answer with the first page. */
export async function createStaticServer(folder, { spa = false } = {}) {
  const root = await fs.realpath(folder)
  const digests = new Map()
  const compressed = new Map()
  let compressedBytes = 0

  /** The file for the segments of a path, or null. Nothing hidden, nothing outside, nothing but files and folders. */
  async function find(segments) {
    if (segments.some((segment) => segment.startsWith('.') && segment !== '.well-known')) return null
    if (segments.some((segment) => segment.includes('\\')) || PRIVATE_FILES.has(segments[0])) return null
    try {
      const file = await fs.realpath(path.join(root, ...segments))
      if (file !== root && !file.startsWith(root + path.sep)) return null
      const stats = await fs.stat(file)
      return stats.isFile() || stats.isDirectory() ? { file, stats } : null
    } catch {
      return null
    }
  }

  const findFile = async (segments) => {
    const found = await find(segments)
    return found?.stats.isFile() ? found : null
  }

  /** Of the content, so that every process and every release with the same file agrees. */
  async function digestOf({ file, stats }) {
    const stamp = `${stats.size}-${stats.mtimeMs}`
    const known = digests.get(file)
    if (known?.stamp === stamp) return known.digest
    const hash = createHash('sha256')
    for await (const chunk of createReadStream(file)) hash.update(chunk)
    const digest = hash.digest('base64url').slice(0, 27)
    if (digests.size >= 50_000) digests.delete(digests.keys().next().value)
    digests.set(file, { stamp, digest })
    return digest
  }

  /** Compressed once, kept within a bound, the oldest dropped first. */
  async function compressedBody(found, digest, encoding) {
    const key = `${digest}-${encoding}`
    let body = compressed.get(key)
    if (body) {
      compressed.delete(key)
      compressed.set(key, body)
      return body
    }
    body = await COMPRESS[encoding](await fs.readFile(found.file))
    if (compressed.has(key)) return compressed.get(key)
    compressed.set(key, body)
    compressedBytes += body.length
    for (const [oldest, data] of compressed) {
      if (compressedBytes <= CACHE_BYTES) break
      compressed.delete(oldest)
      compressedBytes -= data.length
    }
    return body
  }

  async function answer(request, response) {
    response.setHeader('X-Content-Type-Options', 'nosniff')
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD')
      return plain(
        request,
        response,
        request.method === 'OPTIONS' ? 204 : 405,
        'Only GET and HEAD are answered here.',
      )
    }
    const [rawPath, ...query] = request.url.split('?')
    let decoded
    try {
      decoded = decodeURIComponent(rawPath.replace(/^https?:\/\/[^/]*/i, ''))
    } catch {
      return plain(request, response, 400, 'This address is not well formed.')
    }
    if (decoded.includes('\0')) return plain(request, response, 400, 'This address is not well formed.')
    const segments = decoded.split('/').filter((segment) => segment !== '')
    const isFolder = decoded.endsWith('/')
    let found = await find(segments)
    if (found?.stats.isDirectory()) {
      const index = await findFile([...segments, 'index.html'])
      if (index && !isFolder) {
        // Built from the decoded segments: "//host" in an address must never lead to another host.
        response.setHeader(
          'Location',
          `/${segments.map(encodeURIComponent).join('/')}/${query.length ? `?${query.join('?')}` : ''}`,
        )
        return plain(request, response, 301, 'Moved: this is a folder.')
      }
      found = index
    } else if (found && isFolder) {
      found = null
    }
    if (!found && !isFolder && segments.length > 0)
      found = await findFile([...segments.slice(0, -1), `${segments.at(-1)}.html`])
    if (found) return file(request, response, found, 200)
    const wantsPage = /text\/html|\*\/\*/.test(request.headers.accept ?? '*/*') && !path.extname(decoded)
    const first = spa && wantsPage ? await findFile(['index.html']) : null
    if (first) return file(request, response, first, 200)
    const missing = await findFile(['404.html'])
    return missing
      ? file(request, response, missing, 404)
      : plain(request, response, 404, 'There is no such page here.')
  }

  async function file(request, response, found, status) {
    const type = TYPES[path.extname(found.file).slice(1).toLowerCase()] ?? 'application/octet-stream'
    const digest = await digestOf(found)
    const size = found.stats.size
    const mayCompress = COMPRESSIBLE.test(type) && size >= SMALLEST_COMPRESSED && size <= LARGEST_COMPRESSED
    const encoding =
      mayCompress && !request.headers.range ? chosenEncoding(request.headers['accept-encoding']) : null
    const etag = `"${digest}${encoding ? `-${encoding}` : ''}"`
    response.setHeader('Content-Type', type)
    response.setHeader('ETag', etag)
    response.setHeader('Last-Modified', found.stats.mtime.toUTCString())
    response.setHeader('Cache-Control', status === 200 ? cachingOf(path.basename(found.file)) : 'no-cache')
    if (mayCompress) response.setHeader('Vary', 'Accept-Encoding')
    if (status === 200) {
      response.setHeader('Accept-Ranges', 'bytes')
      if (isUnchanged(request.headers, etag, found.stats.mtime)) {
        response.statusCode = 304
        response.removeHeader('Content-Type')
        return response.end()
      }
    }
    if (encoding) {
      const body = await compressedBody(found, digest, encoding)
      response.setHeader('Content-Encoding', encoding)
      response.setHeader('Content-Length', body.length)
      response.statusCode = status
      return response.end(request.method === 'HEAD' ? undefined : body)
    }
    const range = status === 200 ? rangeOf(request.headers, size, etag, found.stats.mtime) : null
    if (range === 'unsatisfiable') {
      response.setHeader('Content-Range', `bytes */${size}`)
      return plain(request, response, 416, 'The file has no such range.')
    }
    const { start, end } = range ?? { start: 0, end: size - 1 }
    response.statusCode = range ? 206 : status
    if (range) response.setHeader('Content-Range', `bytes ${start}-${end}/${size}`)
    response.setHeader('Content-Length', end - start + 1)
    if (request.method === 'HEAD' || end < start) return response.end()
    pipeline(createReadStream(found.file, { start, end }), response, (error) => {
      if (error) response.destroy()
    })
  }

  const server = createServer((request, response) => {
    if (!server.listening) response.setHeader('Connection', 'close')
    answer(request, response).catch((error) => {
      console.error(`${request.method} ${request.url}: ${error.message}`)
      if (response.headersSent) response.destroy()
      else plain(request, response, 500, 'This file could not be read.')
    })
  })
  return server
}

function plain(request, response, status, sentence) {
  const body = status === 204 ? '' : `${sentence}\n`
  response.statusCode = status
  for (const name of ['ETag', 'Last-Modified', 'Accept-Ranges']) response.removeHeader(name)
  response.setHeader('Cache-Control', 'no-cache')
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  if (status !== 204) response.setHeader('Content-Length', Buffer.byteLength(body))
  response.end(request.method === 'HEAD' ? undefined : body)
}

/** br before gzip; `q=0` means never. */
function chosenEncoding(header = '') {
  const accepted = new Map(
    header.split(',').map((part) => {
      const [name, ...parameters] = part.trim().toLowerCase().split(';')
      const quality = parameters.map((one) => /^\s*q=([\d.]+)\s*$/.exec(one)?.[1]).find(Boolean)
      return [name, quality === undefined ? 1 : Number(quality)]
    }),
  )
  return ['br', 'gzip'].find((name) => (accepted.get(name) ?? accepted.get('*') ?? 0) > 0) ?? null
}

/** A name that carries a hash of its content never changes what it means. */
function cachingOf(name) {
  const hash = /[.-]([A-Za-z0-9_-]{8,})\.[a-z0-9]+$/.exec(name)?.[1]
  const hashed =
    hash !== undefined &&
    !/\.html?$/.test(name) &&
    (/\d/.test(hash) || (/[a-z]/.test(hash) && /[A-Z]/.test(hash)))
  return hashed ? 'public, max-age=31536000, immutable' : 'no-cache'
}

function isUnchanged(headers, etag, modified) {
  const wanted = headers['if-none-match']
  if (wanted !== undefined) {
    return wanted.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag)
  }
  const since = Date.parse(headers['if-modified-since'] ?? '')
  return !Number.isNaN(since) && Math.floor(modified.getTime() / 1000) * 1000 <= since
}

/** One range, as `{ start, end }`; null where the whole file is the answer. */
function rangeOf(headers, size, etag, modified) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(headers.range ?? '')
  if (!match || (match[1] === '' && match[2] === '')) return null
  const condition = headers['if-range']
  if (condition !== undefined && condition !== etag && condition !== modified.toUTCString()) return null
  if (match[1] === '') {
    const length = Math.min(Number(match[2]), size)
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size - 1 }
  }
  const start = Number(match[1])
  const end = match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1)
  if (match[2] !== '' && Number(match[2]) < start) return null
  return start >= size ? 'unsatisfiable' : { start, end }
}

if (process.argv[1] && import.meta.url === pathToFileURL(await fs.realpath(process.argv[1])).href) {
  const options = process.argv.slice(2)
  const folder = options.find((option) => !option.startsWith('--')) ?? '.'
  const port = Number(process.env.PORT ?? 8080)
  const server = await createStaticServer(folder, { spa: options.includes('--spa') })
  server.listen(port, () => console.log(`serving ${folder} on port ${server.address().port}`))
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.once(signal, () => {
      server.close(() => process.exit(0))
      server.closeIdleConnections()
    })
  }
}
