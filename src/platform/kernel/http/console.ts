/**
 * The console: one page for all its addresses, for whoever is signed in, and the files that it loads. Files are named
 * by their content, so browsers keep them for good; all were compressed when the console was built.
 */
import { readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { TowError } from '../../../api/errors.ts'
import { CONSOLE_PAGES } from '../../../api/pages.ts'

/** Scripts and styles from here alone, none of them inline; the page talks to this platform alone. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'"

/** Without a referrer at all, browsers would not say which page the form of signing out is from. */
const PAGE_HEADERS = { 'content-security-policy': POLICY, 'referrer-policy': 'same-origin' }

const TYPES: Record<string, string> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}
const FILE_NAME = /^[\w-]{1,80}\.(js|css|svg)$/
/** As they lie beside the file, the smallest first. */
const ENCODINGS = [
  { name: 'br', suffix: '.br' },
  { name: 'gzip', suffix: '.gz' },
] as const

export interface ConsoleOptions {
  /** The folder that the built console lies in. */
  folder: () => Promise<string>
  isSignedIn: (request: FastifyRequest) => Promise<boolean>
}

const config = { permission: 'anyone' } as const

export function consolePages({ folder, isSignedIn }: ConsoleOptions): (server: FastifyInstance) => void {
  async function page(request: FastifyRequest, reply: FastifyReply) {
    if (!(await isSignedIn(request))) {
      const to = request.url === '/' ? '' : `?to=${encodeURIComponent(request.url)}`
      return reply.redirect(`/sign-in${to}`, 303)
    }
    const html = await readFile(join(await folder(), 'index.html'))
    return reply.headers(PAGE_HEADERS).type('text/html; charset=utf-8').send(html)
  }

  return (server) => {
    for (const path of ['/', ...CONSOLE_PAGES.flatMap((name) => [`/${name}`, `/${name}/*`])])
      server.get(path, { config }, page)
    server.get('/assets/:name', { config }, async (request, reply) => {
      const { name } = request.params as { name: string }
      if (!FILE_NAME.test(name)) throw missing(name)
      const accepted = String(request.headers['accept-encoding'] ?? '')
      const encoding = ENCODINGS.find((one) => new RegExp(`\\b${one.name}\\b`).test(accepted))
      const file = join(await folder(), 'assets', name + (encoding?.suffix ?? ''))
      const content = await readFile(file).catch(() => {
        throw missing(name)
      })
      if (encoding) reply.header('content-encoding', encoding.name)
      return reply
        .headers({ 'cache-control': 'public, max-age=31536000, immutable', vary: 'accept-encoding' })
        .type(TYPES[extname(name)] ?? 'application/octet-stream')
        .send(content)
    })
  }
}

function missing(name: string): TowError {
  return new TowError('NOT_FOUND', `the console has no file ${JSON.stringify(name)}`, {
    hint: 'reload the page: the platform may have been upgraded meanwhile',
  })
}
