import * as z from 'zod'
import { Origin } from './app-spec.ts'
import { Digest, Name, Timestamp } from './names.ts'
import { operation } from './operation.ts'

/** A branch that was pushed, whether it was shipped or not. */
export const PushedBranch = z.object({
  repository: z.string(),
  branch: z.string(),
  commit: z.string(),
  subject: z.string(),
  author: z.string(),
  committedAt: Timestamp,
})
export type PushedBranch = z.infer<typeof PushedBranch>

export const git = {
  connect: operation({
    method: 'POST',
    path: '/git/repositories',
    summary: 'The Git repository to which a folder is pushed; made where there is none',
    permission: 'app:change',
    objects: 'none',
  })
    .input(
      z.object({
        /** What the folder is called that holds the apps; names the repository. */
        folderName: z.string().min(1).max(255),
        /** Where that folder is inside the Git repository, `.` for its top. */
        folder: z.string().min(1).max(800).default('.'),
      }),
    )
    .output(
      z.object({
        name: z.string(),
        /** Below the platform’s own address: `/git/missions.git`. */
        path: z.string(),
      }),
    ),
  branches: operation({
    method: 'GET',
    path: '/git/branches',
    summary: 'Branches that were pushed, newest commit first',
    permission: 'read',
  })
    .input(
      z.object({
        /** Only those of repositories that declare it. */
        app: Name.optional(),
        limit: z.int().min(1).max(500).default(50),
      }),
    )
    .output(z.array(PushedBranch)),
  tree: operation({
    method: 'POST',
    path: '/git/repositories/{repository}/trees',
    summary: 'Keep the files of a branch as a tree, which can then be shipped',
    permission: 'app:change',
    objects: 'none',
    // The branch may have moved by the next call.
    replays: false,
  })
    .input(z.object({ repository: Name, branch: z.string().min(1).max(255) }))
    .output(
      z.object({
        tree: Digest,
        folderName: z.string(),
        origin: Origin,
        /** What it declares. */
        apps: z.array(Name),
        /** Submodules: their files are not in it. */
        leftOut: z.array(z.string()),
      }),
    ),
}
