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

/** Permissions that are held in an environment, or for an app in one; all others are held everywhere or not at all. */
const SCOPED = ['app:change', 'app:secret', 'environment:operate'] as const satisfies readonly Permission[]
export type ScopedPermission = (typeof SCOPED)[number]

export function isScoped(permission: Permission): permission is ScopedPermission {
  return (SCOPED as readonly Permission[]).includes(permission)
}

/**
 * Where a request names what it touches. A place is a field of the input; `apps.*.app` is that field of each in a list.
 * Resolved and checked for every request in one place, before the operation begins.
 */
export type Objects =
  /** `inSpace`: a field that may name a space, whose owner is then asked for too. */
  | { app: string; environment: string; inSpace?: string }
  | { environment: string }
  /** An app, wherever something of it is. */
  | { everywhere: string }
  /** The apps and the environment behind an id. */
  | { build: string }
  | { rollout: string }
  | { run: string }
  | { ship: string }
  /** The apps that a tree declares, as far as they are to be shipped. */
  | { tree: string; inSpace?: string }
  /** A space, and an app that is changed in it. */
  | { space: string; app?: string }
  /** No app and no environment yet: to hold the permission anywhere is enough. */
  | 'none'

export interface OperationMeta {
  permission: Permission
  /** Null where the permission is not held in an environment. */
  objects: Objects | null
  /** A changing operation takes an Idempotency-Key, makes exactly one change and answers with that change's result. */
  changes: boolean
  /** Whether the answer is kept for a repeated call. False where the answer holds a secret: those are kept nowhere. */
  replays: boolean
  /** Largest body that is read. */
  bodyMegabytes: number
}

type OperationOptions = {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: `/${string}`
  summary: string
  changes?: boolean
  replays?: boolean
  bodyMegabytes?: number
} & (
  | { permission: ScopedPermission; objects: Objects }
  | { permission: Exclude<Permission, ScopedPermission>; objects?: undefined }
)

/** Declares one operation. Input from path, query and body is one flat object. */
export function operation({
  method,
  path,
  summary,
  permission,
  objects,
  changes = method !== 'GET',
  replays = changes,
  bodyMegabytes = 2,
}: OperationOptions) {
  return oc
    .$meta<OperationMeta>({ permission, objects: objects ?? null, changes, replays, bodyMegabytes })
    .route({ method, path, summary, inputStructure: 'compact', outputStructure: 'compact' })
}
