/** The door for bytes, `POST /api/blobs?tree=<hash>`: one compressed stream of files of a tree that was announced. */
import type { FastifyInstance } from 'fastify'
import * as z from 'zod'
import { TowError } from '../../../api/errors.ts'
import { Digest } from '../../../api/names.ts'
import { unpackBlobs } from '../../../trees/transfer.ts'
import type { Content } from './index.ts'
import { refusals } from './messages.ts'

export const BLOBS_TYPE = 'application/vnd.towpath.blobs'

/**
 * Takes only files that belong to the tree, each with its announced size: that bounds what anybody can make us store.
 * Files that arrived whole are kept when the stream breaks, so a client asks again what is missing and goes on.
 */
export function mountBlobs(server: FastifyInstance, content: Pick<Content, 'blobs' | 'tree'>): void {
  server.removeAllContentTypeParsers()
  // Not read into memory: the body is handed on as it comes.
  server.addContentTypeParser(BLOBS_TYPE, { bodyLimit: Number.MAX_SAFE_INTEGER }, (_request, payload, done) =>
    done(null, payload),
  )
  server.route({
    method: 'POST',
    url: '/blobs',
    bodyLimit: Number.MAX_SAFE_INTEGER,
    // Of no app yet: files of a tree are what they hash to, whoever sends them.
    config: { permission: 'app:change', objects: 'none' },
    async handler(request) {
      const query = z.object({ tree: Digest }).safeParse(request.query)
      if (!query.success) throw new TowError('BAD_INPUT', 'blobs are sent for a tree: ?tree=<its hash>')
      const body = request.body as AsyncIterable<Uint8Array> | undefined
      if (!body) throw refusals.notBlobs(request.headers['content-type'] ?? '')
      const tree = await content.tree(query.data.tree)
      return unpackBlobs(body, content.blobs, tree.entries)
    },
  })
}
