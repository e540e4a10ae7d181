import type { AnySchema } from '@orpc/contract'
import { type AnyRouter, traverseContractProcedures } from '@orpc/server'
import type { OperationMeta } from '../../../api/operation.ts'

export interface TableEntry {
  /** Its place in the contract: `releases.rollback`. */
  name: string
  method: string
  /** With `{parameters}`. */
  path: string
  summary: string
  meta: OperationMeta
  input: AnySchema | undefined
}

/** Every operation of a contract, or of a router that implements one. */
export function operationsOf(router: AnyRouter | object): TableEntry[] {
  const found: TableEntry[] = []
  traverseContractProcedures({ router: router as AnyRouter, path: [] }, ({ contract, path }) => {
    const { meta, route, inputSchema } = contract['~orpc']
    const name = path.join('.')
    if (!route.method || !route.path || !route.summary)
      throw new Error(`${name} lacks method, path or summary`)
    found.push({
      name,
      method: route.method,
      path: route.path,
      summary: route.summary,
      meta: meta as unknown as OperationMeta,
      input: inputSchema,
    })
  })
  return found
}
