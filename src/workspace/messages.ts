/**
 * What is said between whoever holds files and the agent of a workspace that is to be equal to them. The agent speaks
 * only when it is asked; one holder at a time, and the newest counts.
 */
import * as z from 'zod'
import { ERROR_CODES, type ErrorCode } from '../api/errors.ts'
import { Digest } from '../api/names.ts'

export const WORKSPACE_VERSION = 1

const Path = z.string().min(1).max(4096)
const Size = z.int().min(0)
const MOST_FILES = 200_000

export const Entry = z.object({
  path: Path,
  mode: z.enum(['644', '755', 'link']),
  digest: Digest,
  size: Size,
})

/** The first word. `claims`: paths that are the holder's, e.g. all of the source that the workspace was made from. */
export const Hello = z.object({
  type: z.literal('hello'),
  version: z.literal(WORKSPACE_VERSION),
  claims: z.array(Path).max(MOST_FILES),
})

/** Whole contents, one after the other in the body. They are put aside until a commit names them. */
export const Contents = z.object({
  type: z.literal('contents'),
  blobs: z.array(z.object({ digest: Digest, size: Size })).max(MOST_FILES),
})

/** The next part of a content that is too large for one message. */
export const Part = z.object({ type: z.literal('part'), digest: Digest, offset: Size })

/** All of it is put in place, or nothing; `hash` is that of the holder's whole tree afterwards. */
export const Commit = z.object({
  type: z.literal('commit'),
  id: z.int(),
  put: z.array(Entry).max(MOST_FILES),
  remove: z.array(Path).max(MOST_FILES),
  hash: Digest,
  /** Whether processes are to start anew, as far as they don't reload by themselves. */
  restart: z.boolean(),
})

export const Verify = z.object({ type: z.literal('verify'), id: z.int() })
export const Restart = z.object({ type: z.literal('restart'), id: z.int() })

export const Request = z.discriminatedUnion('type', [Hello, Contents, Part, Commit, Verify, Restart])
export type Request = z.infer<typeof Request>

/** What lies there of what is the holder's, read from the disk. */
export const Welcome = z.object({
  type: z.literal('welcome'),
  entries: z.array(Entry).max(MOST_FILES),
  /** Where the app finds it, where that is not `/workspace`: debuggers name files by it. */
  folder: Path.optional(),
})

export const Done = z.object({
  type: z.literal('done'),
  id: z.int(),
  /** Of what lies there now. */
  hash: Digest,
  /** Processes that were started anew. */
  restarted: z.array(z.string()),
  /** Processes that ended instead, and wait for the next change. */
  ended: z.array(z.string()),
  milliseconds: z.object({ write: z.number(), restart: z.number() }),
})
export type Done = z.infer<typeof Done>

/** `paths` are not what was put there. */
export const Verified = z.object({
  type: z.literal('verified'),
  id: z.int(),
  hash: Digest,
  paths: z.array(Path),
})
export type Verified = z.infer<typeof Verified>

export const Failed = z.object({
  type: z.literal('failed'),
  /** Null where it is not about one request: the connection is over. */
  id: z.int().nullable(),
  code: z.enum(Object.keys(ERROR_CODES) as ErrorCode[]),
  message: z.string(),
  hint: z.string().optional(),
})

export const Answer = z.discriminatedUnion('type', [Welcome, Done, Verified, Failed])
export type Answer = z.infer<typeof Answer>
