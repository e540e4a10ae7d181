import * as z from 'zod'
import { CheckResult } from './environments.ts'
import { operation } from './operation.ts'

export const system = {
  status: operation({
    method: 'GET',
    path: '/status',
    summary: 'Whether the platform and its parts are up',
    permission: 'read',
  }).output(
    z.object({
      version: z.string(),
      startedAt: z.string(),
      home: z.string(),
      parts: z.array(
        z.object({ name: z.string(), ok: z.boolean(), message: z.string(), pid: z.int().nullable() }),
      ),
      apps: z.int(),
      activeRollouts: z.int(),
      activeBuilds: z.int(),
    }),
  ),
  stop: operation({
    method: 'POST',
    path: '/stop',
    summary: 'End the platform; with everything, also the apps and databases on this machine',
    permission: 'platform:administer',
  })
    .input(z.object({ everything: z.boolean().default(false) }))
    .output(z.object({ stopping: z.array(z.string()) })),
  doctor: operation({
    method: 'GET',
    path: '/doctor',
    summary: 'Every check of the platform and its engines, with the mend where one fails',
    permission: 'read',
  }).output(z.array(CheckResult)),
}
