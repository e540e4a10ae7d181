import * as z from 'zod'
import { CURSOR_LENGTH } from './log-cursor.ts'
import { Name, ReleaseNumber, Timestamp } from './names.ts'

export const LogLine = z.object({
  /**
   * Stable: the same line has the same id however often it is read. Sorts by time:
   * `<milliseconds, 13 digits>-<instance>-<sequence, 12 digits>`; an instance's sequence only grows.
   */
  id: z.string(),
  at: Timestamp,
  app: z.string(),
  environment: z.string(),
  /** Where an app's copy in a space wrote it. */
  space: z.string().optional(),
  release: z.int(),
  process: z.string(),
  /** Which of the process's instances, e.g. `web.2-7f3a`. */
  instance: z.string(),
  stream: z.enum(['stdout', 'stderr', 'platform']),
  text: z.string(),
  /** Set where this line stands for lines that are not kept: how many. */
  missing: z.int().min(1).optional(),
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
  /** Text that a line contains, or `/expression/` (`/expression/i`) in RE2's syntax, which is matched in linear time. */
  grep: z.string().min(1).max(500).optional(),
  /** All that comes after: the id of a line, or a cursor, which also finds lines that were told late. */
  after: z.string().max(CURSOR_LENGTH).optional(),
})
export type LogQuery = z.infer<typeof LogQuery>
