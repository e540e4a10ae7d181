import * as z from 'zod'
import { operation } from './operation.ts'

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
}
