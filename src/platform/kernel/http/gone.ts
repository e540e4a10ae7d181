/** Whoever asks may leave at any moment, also while it is still being found out who they are. */
import type { FastifyReply } from 'fastify'

/** Calls it once the answer is over or its reader has gone, and at once where that was before. */
export function onceGone({ raw }: FastifyReply, action: () => void): void {
  if (raw.closed) action()
  else raw.once('close', action)
}
