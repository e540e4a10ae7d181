import { operations } from '../../kernel/operations.ts'
import type { Branches } from './branches.ts'
import type { Git } from './index.ts'

export function gitRoutes(git: Git, branches: Branches) {
  return {
    git: {
      connect: operations.git.connect.handler(({ input, context }) => git.connect(context.actor, input)),
      branches: operations.git.branches.handler(({ input }) => branches.list(input)),
      tree: operations.git.tree.handler(({ input }) => branches.take(input)),
    },
  }
}
