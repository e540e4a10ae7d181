import * as z from 'zod'

/**
 * The terminal of a run: a WebSocket at `/api/runs/{id}/terminal`. Bytes travel as binary messages; from the platform
 * the first byte says which stream they are of. Everything else is a JSON text message.
 */
export const STREAM_TAGS = { stdout: 1, stderr: 2 } as const

/** From the client, beside binary messages for standard input. */
export const TerminalRequest = z.discriminatedUnion('type', [
  z.object({ type: z.literal('resize'), columns: z.int().min(1).max(1000), rows: z.int().min(1).max(1000) }),
  z.object({ type: z.literal('signal'), name: z.enum(['SIGINT', 'SIGTERM', 'SIGKILL']) }),
  z.object({ type: z.literal('end') }),
])
export type TerminalRequest = z.infer<typeof TerminalRequest>

/** The last message from the platform. */
export const TerminalEnd = z.object({
  type: z.literal('end'),
  state: z.enum(['succeeded', 'failed', 'unknown']),
  exit: z.int().nullable(),
  reason: z.string().nullable(),
})
export type TerminalEnd = z.infer<typeof TerminalEnd>
