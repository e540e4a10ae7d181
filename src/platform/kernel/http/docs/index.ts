/** `/openapi.json` and `/docs`: what this platform can do, for machines and for people. Open to whoever is on this machine. */
import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { openApiDocument } from '../openapi.ts'
import { docsPage } from './page.ts'
import { STYLE } from './style.ts'

const POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

export function documentation(version: string): (server: FastifyInstance) => void {
  // Made when first asked for: most starts of the platform are never asked.
  let document: ReturnType<typeof openApiDocument> | undefined
  const ready = () => {
    document ??= openApiDocument(version)
    return document
  }
  return (server) => {
    server.get('/openapi.json', { config: { permission: 'anyone' } }, async (_, reply) =>
      reply.type('application/json').send(await ready()),
    )
    server.get('/docs', { config: { permission: 'anyone' } }, async (_, reply) =>
      reply
        .headers({ 'content-security-policy': POLICY })
        .type('text/html; charset=utf-8')
        .send(docsPage(await ready())),
    )
  }
}
