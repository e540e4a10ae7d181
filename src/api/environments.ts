import * as z from 'zod'
import { Name, Timestamp } from './names.ts'
import { operation } from './operation.ts'

export const CheckResult = z.object({
  name: z.string(),
  ok: z.boolean(),
  message: z.string(),
  mend: z.string().optional(),
})
export type CheckResult = z.infer<typeof CheckResult>

export const Environment = z.object({
  name: Name,
  engine: z.string(),
  /** Place in the pipeline, from 0. */
  position: z.int(),
  createdAt: Timestamp,
})

export const environments = {
  list: operation({
    method: 'GET',
    path: '/environments',
    summary: 'Environments in order',
    permission: 'read',
  }).output(z.array(Environment)),
  add: operation({
    method: 'POST',
    path: '/environments',
    summary: 'Add an environment at the end of the pipeline, or before another',
    permission: 'platform:administer',
  })
    .input(z.object({ name: Name, engine: z.string().max(32).default('local'), before: Name.optional() }))
    .output(Environment),
  remove: operation({
    method: 'DELETE',
    path: '/environments/{name}',
    summary: 'Remove an environment in which no app runs',
    permission: 'platform:administer',
  })
    .input(z.object({ name: Name }))
    .output(z.object({ name: Name })),
  check: operation({
    method: 'GET',
    path: '/environments/{name}/checks',
    summary: 'Whether the engine of an environment can do its work, with the mend where it can’t',
    permission: 'read',
  })
    .input(z.object({ name: Name }))
    .output(z.array(CheckResult)),
}
