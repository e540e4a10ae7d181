import * as z from 'zod'

/** `platform.json` in the home: how clients on this machine find the platform. Written by rename, removed at the end. */
export const PlatformFile = z.object({
  url: z.url(),
  pid: z.int(),
  /** Holds the token of the person who started it; 0600. */
  tokenFile: z.string(),
  version: z.string(),
})
export type PlatformFile = z.infer<typeof PlatformFile>
