import { oc } from '@orpc/contract'

/**
 * What a caller must be allowed to do. Read by the server's guard, by the documentation and by the test that walks
 * every operation with every role.
 */
export const PERMISSIONS = [
  'anyone', // no token needed: only what tells that the platform is there
  'self', // any credential, whatever its roles: what belongs to the caller
  'self:tokens', // one's own tokens; with a credential from a sign-in, never with one of those tokens
  'read', // everything but secrets
  'app:change', // ship, configure, scale, restart, run: an app in an environment
  'app:secret', // read the value of a secret, open an app's database
  'environment:operate', // what changes an environment's apps whoever owns them
  'platform:administer', // keys, people, teams, environments, the platform itself
] as const
export type Permission = (typeof PERMISSIONS)[number]

export interface OperationMeta {
  permission: Permission
  /** A changing operation takes an Idempotency-Key, makes exactly one change and answers with that change's result. */
  changes: boolean
  /** Whether the answer is kept for a repeated call. False where the answer holds a secret: those are kept nowhere. */
  replays: boolean
  /** Largest body that is read. */
  bodyMegabytes: number
}

interface OperationOptions {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: `/${string}`
  summary: string
  permission: Permission
  changes?: boolean
  replays?: boolean
  bodyMegabytes?: number
}

/** Declares one operation. Input from path, query and body is one flat object. */
export function operation({
  method,
  path,
  summary,
  permission,
  changes = method !== 'GET',
  replays = changes,
  bodyMegabytes = 2,
}: OperationOptions) {
  return oc
    .$meta<OperationMeta>({ permission, changes, replays, bodyMegabytes })
    .route({ method, path, summary, inputStructure: 'compact', outputStructure: 'compact' })
}
