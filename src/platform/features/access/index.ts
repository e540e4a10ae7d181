/**
 * Who may do what. Here lives one local person with one token; people of a company come in through the same
 * `Authenticator` seam. No operation is named here: what each needs stands in the contract.
 */
import { join } from 'node:path'
import type { Feature } from '../../kernel/feature.ts'
import type { Authenticator, Principal } from '../../kernel/http/authenticator.ts'
import { operations } from '../../kernel/operations.ts'
import { ADMINISTRATOR, permits } from './rules.ts'
import { isToken, openToken } from './token.ts'

export interface AccessOptions {
  home: string
  /** The login name of whoever started the platform. */
  person: string
}

/** Makes the token where there is none yet. */
export async function createAccess({ home, person }: AccessOptions) {
  const tokenFile = join(home, 'token')
  const token = await openToken(tokenFile)
  const principal: Principal = { name: person, kind: 'person', roles: [ADMINISTRATOR] }

  const authenticator: Authenticator = {
    authenticate: async (given) => (isToken(token, given) ? principal : null),
    permits: ({ roles }, permission) => permits(roles, permission),
  }
  const routes = {
    access: {
      whoami: operations.access.whoami.handler(({ context }) => {
        const { name, kind, roles } = context.principal ?? {
          name: context.actor.name,
          kind: 'machine' as const,
          roles: [],
        }
        return { name, kind, roles: [...roles] }
      }),
    },
  }
  const feature = { name: 'access', migrations: [], routes } satisfies Feature
  return { ...feature, authenticator, token, tokenFile }
}
