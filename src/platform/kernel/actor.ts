import type { Principal } from './http/authenticator.ts'

/** Whoever changes something: a principal behind a request, or the platform itself. */
export interface Actor {
  /** As it stands in the timeline. */
  name: string
  /** What they may do; absent where the platform acts on its own account. */
  principal?: Principal
  /** Set for a changing call that carried an Idempotency-Key. */
  once?: { key: string; operation: string; request: string }
}

/** The reconcile loops act under this name. */
export const PLATFORM: Actor = { name: 'towpath' }
