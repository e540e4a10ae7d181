/** What a feature implements operations with: the contract, and who is asking. */
import { implement } from '@orpc/server'
import { contract } from '../../api/contract.ts'
import type { Actor } from './actor.ts'
import type { Principal } from './http/authenticator.ts'

export interface OperationContext {
  /** Pass it to `database.change`: it carries the caller's name and the idempotency key. */
  actor: Actor
  /** Set behind every request; absent where the platform asks on its own account. */
  principal?: Principal
  requestId: string
  /** Where the request came from; set behind every request. */
  address?: string
  /** The browser session that it came with. */
  session?: string | undefined
  /** Aborted when the caller goes away. */
  signal: AbortSignal
}

/** `operations.releases.list.handler(({ input, context }) => ...)`. Guards are laid around the whole router. */
export const operations = implement(contract).$context<OperationContext>()
