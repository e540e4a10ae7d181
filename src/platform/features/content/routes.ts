import { operations } from '../../kernel/operations.ts'
import type { Content } from './index.ts'

/** Announcing a tree is safe to repeat by nature: its hash says what it is. */
export function contentRoutes(content: Pick<Content, 'put'>) {
  return {
    trees: {
      put: operations.trees.put.handler(({ input }) => content.put(input)),
    },
  }
}
