/**
 * What stays open for as long as someone listens or types: streams and terminals. Being let in once is not enough for
 * those: whenever anything about people changed, and once a minute for what expires, each is asked for again and cut
 * where its opener may not have it any more.
 */
import { TowError } from '../../../api/errors.ts'

export interface Standing {
  /** `again` throws where it would not be let in now. Answers with what to call once it has closed by itself. */
  add(open: { destroy(): void }, again: () => Promise<unknown>): () => void
  recheck(): Promise<void>
  cutAll(): void
}

const REFUSALS = new Set(['UNAUTHENTICATED', 'FORBIDDEN', 'NOT_FOUND'])

export function createStanding(): Standing {
  const all = new Map<{ destroy(): void }, () => Promise<unknown>>()
  return {
    add(open, again) {
      all.set(open, again)
      return () => void all.delete(open)
    },
    async recheck() {
      await Promise.all(
        [...all].map(async ([open, again]) => {
          try {
            await again()
          } catch (error) {
            // Only a refusal ends it: a database that is away for a moment refuses nobody.
            if (error instanceof TowError && REFUSALS.has(error.code)) open.destroy()
          }
        }),
      )
    },
    cutAll() {
      for (const open of all.keys()) open.destroy()
    },
  }
}
