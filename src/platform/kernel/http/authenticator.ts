import type { Permission } from '../../../api/operation.ts'

/** Who asks: one person or one machine, and the roles that say what it may do. */
export interface Principal {
  name: string
  kind: 'person' | 'machine'
  roles: readonly string[]
}

/** The seam between the guard and whatever knows people: a token file here, an identity provider later. */
export interface Authenticator {
  /** Null where nobody is known by this token. */
  authenticate(token: string): Promise<Principal | null>
  permits(principal: Principal, permission: Permission): boolean
}
