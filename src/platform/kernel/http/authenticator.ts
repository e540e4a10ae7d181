import type { Permission } from '../../../api/operation.ts'
import type { CredentialKind, Grant } from '../../../api/roles.ts'

/** Who asks: one person or one machine, and what they may do with the credential that they came with. */
export interface Principal {
  name: string
  kind: 'person' | 'machine'
  roles: readonly Grant[]
  teams: readonly string[]
  credential: {
    kind: CredentialKind
    /** Of a token. */
    name: string | null
    expiresAt: Date | null
  }
}

/** What a request carries to say who it is from: the kinds that the guard reads. */
export interface Presented {
  kind: 'token' | 'session'
  secret: string
}

/** The seam between the guard and whatever knows people: token file, tokens and sessions here, an identity provider later. */
export interface Authenticator {
  /** Null where nobody is known by this. May throw UNAUTHENTICATED with a sentence that says more. */
  authenticate(presented: Presented): Promise<Principal | null>
  /** Whether the principal may do this kind of thing anywhere; told before a request's body is read. */
  permits(principal: Principal, permission: Permission): boolean
}
