import { operations } from '../../kernel/operations.ts'
import type { Git } from './index.ts'

export function gitRoutes(git: Git) {
  return {
    git: {
      connect: operations.git.connect.handler(({ input, context }) => git.connect(context.actor, input)),
    },
  }
}
