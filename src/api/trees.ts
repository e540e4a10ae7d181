import * as z from 'zod'
import { Digest } from './names.ts'
import { operation } from './operation.ts'

const Entry = z.object({
  path: z.string().min(1).max(4096),
  mode: z.enum(['644', '755', 'link']),
  digest: Digest,
  size: z.int().min(0),
})

/** Entries of a tree, or what differs from a tree that the platform already has. */
export const TreeUpload = z.object({
  hash: Digest,
  base: Digest.optional(),
  upserts: z.array(Entry).max(200_000),
  removals: z.array(z.string().min(1).max(4096)).max(200_000).default([]),
})

/**
 * Blobs themselves travel as one compressed binary stream to `POST /api/blobs`, outside this table: JSON is no
 * place for them.
 */
export const trees = {
  put: operation({
    method: 'PUT',
    path: '/trees/{hash}',
    summary: 'Tell the platform what a tree holds; answers with the blobs it still lacks',
    permission: 'app:change',
    objects: 'none',
    bodyMegabytes: 64,
    // The answer changes as files arrive: an earlier one must not be given again.
    replays: false,
  })
    .input(TreeUpload)
    .output(
      z.object({ hash: Digest, complete: z.boolean(), missing: z.array(Digest), unknownBase: z.boolean() }),
    ),
}
