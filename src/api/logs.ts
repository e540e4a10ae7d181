import * as z from 'zod'
import { Name, ReleaseNumber, Timestamp } from './names.ts'

export const LogLine = z.object({
  /** Stable: the same line has the same id however often it is read. Sorts by time. */
  id: z.string(),
  at: Timestamp,
  app: z.string(),
  environment: z.string(),
  release: z.int(),
  process: z.string(),
  /** Which of the process's instances, e.g. `web.2-7f3a`. */
  instance: z.string(),
  stream: z.enum(['stdout', 'stderr', 'platform']),
  text: z.string(),
})
export type LogLine = z.infer<typeof LogLine>

export const LogQuery = z.object({
  follow: z.boolean().default(false),
  /** The newest N lines that match. */
  lines: z.int().min(0).max(100_000).default(100),
  since: Timestamp.optional(),
  until: Timestamp.optional(),
  process: Name.optional(),
  release: ReleaseNumber.optional(),
  grep: z.string().max(500).optional(),
  /** Continue after the line with this id. */
  after: z.string().max(200).optional(),
})
export type LogQuery = z.infer<typeof LogQuery>
