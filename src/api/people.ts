import * as z from 'zod'
import { Name, PrincipalName, TeamName, Timestamp, TokenName } from './names.ts'
import { operation } from './operation.ts'
import { CREDENTIAL_KINDS, Grant } from './roles.ts'

export const Me = z.object({
  name: z.string(),
  kind: z.enum(['person', 'machine']),
  /** What this credential may do: a token may hold less than the person behind it. */
  roles: z.array(Grant),
  teams: z.array(z.string()),
  credential: z.object({
    kind: z.enum(CREDENTIAL_KINDS),
    /** Of a token. */
    name: z.string().nullable(),
    expiresAt: Timestamp.nullable(),
  }),
})

export const access = {
  whoami: operation({
    method: 'GET',
    path: '/whoami',
    summary: 'Who the token belongs to, and what it may do',
    permission: 'self',
  }).output(Me),
}

const Grants = z.array(Grant).max(100)

export const Person = z.object({
  name: z.string(),
  kind: z.enum(['person', 'machine']),
  roles: z.array(Grant),
  teams: z.array(z.string()),
  createdAt: Timestamp,
})
export type Person = z.infer<typeof Person>

const OfPerson = z.object({ person: PrincipalName })

export const people = {
  list: operation({
    method: 'GET',
    path: '/people',
    summary: 'People and machines',
    permission: 'read',
  }).output(z.array(Person)),
  whoMay: operation({
    method: 'POST',
    path: '/people/who-may',
    summary: 'Who may change apps where they are: people, those of the app’s team first',
    permission: 'read',
    changes: false,
  })
    .input(
      z.object({
        places: z
          .array(z.object({ app: Name, environment: Name }))
          .min(1)
          .max(200),
      }),
    )
    .output(z.array(z.object({ app: Name, environment: Name, people: z.array(z.string()) }))),
  add: operation({
    method: 'POST',
    path: '/people',
    summary: 'Make a person or a machine known',
    permission: 'platform:administer',
  })
    .input(
      z.object({
        name: PrincipalName,
        kind: z.enum(['person', 'machine']).default('person'),
        roles: Grants.default([]),
        teams: z.array(TeamName).max(100).default([]),
      }),
    )
    .output(Person),
  change: operation({
    method: 'PATCH',
    path: '/people/{person}/roles',
    summary: 'Give roles to a person, and take roles away',
    permission: 'platform:administer',
  })
    .input(OfPerson.extend({ give: Grants.default([]), take: Grants.default([]) }))
    .output(Person),
  revoke: operation({
    method: 'POST',
    path: '/people/{person}/revoke',
    summary: 'End every token and session of a person, who stays known',
    permission: 'platform:administer',
  })
    .input(OfPerson)
    .output(z.object({ name: z.string(), tokens: z.array(z.string()) })),
  remove: operation({
    method: 'DELETE',
    path: '/people/{person}',
    summary: 'Forget a person, with their roles, tokens and sessions',
    permission: 'platform:administer',
  })
    .input(OfPerson)
    .output(Person),
}

export const Team = z.object({
  name: z.string(),
  members: z.array(z.string()),
  apps: z.array(z.string()),
  createdAt: Timestamp,
})
export type Team = z.infer<typeof Team>

export const teams = {
  list: operation({
    method: 'GET',
    path: '/teams',
    summary: 'Teams with their members and apps',
    permission: 'read',
  }).output(z.array(Team)),
  add: operation({
    method: 'POST',
    path: '/teams',
    summary: 'Make a team',
    permission: 'platform:administer',
  })
    .input(z.object({ name: TeamName }))
    .output(Team),
  remove: operation({
    method: 'DELETE',
    path: '/teams/{team}',
    summary: 'Remove a team that owns no app',
    permission: 'platform:administer',
  })
    .input(z.object({ team: TeamName }))
    .output(Team),
  join: operation({
    method: 'PUT',
    path: '/teams/{team}/members/{person}',
    summary: 'Take someone into a team',
    permission: 'platform:administer',
  })
    .input(z.object({ team: TeamName, person: PrincipalName }))
    .output(Team),
  leave: operation({
    method: 'DELETE',
    path: '/teams/{team}/members/{person}',
    summary: 'Take someone out of a team',
    permission: 'platform:administer',
  })
    .input(z.object({ team: TeamName, person: PrincipalName }))
    .output(Team),
}

/** A token as it is told of; the token itself is told once. */
export const Token = z.object({
  name: z.string(),
  /** Null: all that its principal may do. */
  roles: z.array(Grant).nullable(),
  /** From a sign-in, rather than made by hand. */
  signedIn: z.boolean(),
  createdAt: Timestamp,
  expiresAt: Timestamp,
  lastUsedAt: Timestamp.nullable(),
})
export type Token = z.infer<typeof Token>

const YEAR_OF_HOURS = 366 * 24
const NewToken = z.object({
  name: TokenName,
  roles: Grants.nullable().default(null),
  expiresInHours: z
    .int()
    .min(1)
    .max(YEAR_OF_HOURS)
    .default(90 * 24),
})
const Made = Token.extend({ token: z.string() })

export const tokens = {
  list: operation({ method: 'GET', path: '/tokens', summary: 'Your own tokens', permission: 'self' }).output(
    z.array(Token),
  ),
  add: operation({
    method: 'POST',
    path: '/tokens',
    summary: 'Make a token of your own; told once',
    permission: 'self:tokens',
    replays: false,
  })
    .input(NewToken)
    .output(Made),
  remove: operation({
    method: 'DELETE',
    path: '/tokens/{name}',
    summary: 'End one of your own tokens',
    permission: 'self:tokens',
  })
    .input(z.object({ name: TokenName }))
    .output(Token),
  listOf: operation({
    method: 'GET',
    path: '/people/{person}/tokens',
    summary: 'Tokens of a person or a machine',
    permission: 'platform:administer',
  })
    .input(OfPerson)
    .output(z.array(Token)),
  addFor: operation({
    method: 'POST',
    path: '/people/{person}/tokens',
    summary: 'Make a token of a machine; told once',
    permission: 'platform:administer',
    replays: false,
  })
    .input(NewToken.extend(OfPerson.shape))
    .output(Made),
  removeOf: operation({
    method: 'DELETE',
    path: '/people/{person}/tokens/{name}',
    summary: 'End a token of a person or a machine',
    permission: 'platform:administer',
  })
    .input(OfPerson.extend({ name: TokenName }))
    .output(Token),
}
