import * as z from 'zod'

/** `platform.json` in the home: how clients on this machine find the platform. Written by rename, removed at the end. */
export const PlatformFile = z.object({
  /** On this machine. */
  url: z.url(),
  /** Beyond this machine; null where it listens on loopback alone. */
  publicUrl: z.url().nullable().default(null),
  pid: z.int(),
  /** Holds the token of the person who started it; 0600. */
  tokenFile: z.string(),
  version: z.string(),
})
export type PlatformFile = z.infer<typeof PlatformFile>
