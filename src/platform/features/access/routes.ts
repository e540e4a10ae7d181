import type { Clock } from '../../kernel/clock.ts'
import type { Change, Database } from '../../kernel/database.ts'
import { operations } from '../../kernel/operations.ts'
import { refusals } from './messages.ts'
import type { People } from './people.ts'
import { whoMay } from './rules.ts'
import type { Teams, TeamsOptions } from './teams.ts'
import type { Tokens } from './tokens.ts'

export interface RoutesOptions {
  database: Database
  clock: Clock
  people: People
  teams: Teams
  tokens: Tokens
  /** Ends every token and session; answers with the names of the tokens. */
  revokeAll: (change: Change, principal: string) => Promise<string[]>
  appsOf: TeamsOptions['appsOf']
}

export function accessRoutes({ database, clock, people, teams, tokens, revokeAll, appsOf }: RoutesOptions) {
  const { access, people: ofPeople, teams: ofTeams, tokens: ofTokens } = operations
  const { db } = database
  const inHours = (hours: number) => new Date(clock.now().getTime() + hours * 3_600_000)

  return {
    access: {
      whoami: access.whoami.handler(({ context: { principal } }) => {
        const { name, kind, roles, teams: inTeams, credential } = principal!
        const expiresAt = credential.expiresAt?.toISOString() ?? null
        return {
          ...{ name, kind },
          roles: [...roles],
          teams: [...inTeams],
          credential: { ...credential, expiresAt },
        }
      }),
    },
    people: {
      list: ofPeople.list.handler(() => people.list(db)),
      whoMay: ofPeople.whoMay.handler(async ({ input: { places } }) => {
        const [all, apps] = await Promise.all([people.list(db), appsOf(db)])
        const owners = new Map(apps.map(({ name, owner }) => [name, owner]))
        return places.map(({ app, environment }) => {
          const thing = { app, owner: owners.get(app) ?? null, environment }
          return { app, environment, people: whoMay(all, 'app:change', thing) }
        })
      }),
      add: ofPeople.add.handler(({ input, context: { actor } }) =>
        database.change(actor, (change) => people.add(change, actor, input)),
      ),
      change: ofPeople.change.handler(({ input, context: { actor } }) =>
        database.change(actor, (change) => people.change(change, input)),
      ),
      revoke: ofPeople.revoke.handler(({ input: { person }, context: { actor } }) =>
        database.change(actor, async (change) => {
          await people.get(change.db, person)
          return { name: person, tokens: await revokeAll(change, person) }
        }),
      ),
      remove: ofPeople.remove.handler(({ input: { person }, context: { actor } }) =>
        database.change(actor, (change) => people.remove(change, person)),
      ),
    },
    teams: {
      list: ofTeams.list.handler(() => teams.list(db)),
      add: ofTeams.add.handler(({ input: { name }, context: { actor } }) =>
        database.change(actor, (change) => teams.add(change, actor, name)),
      ),
      remove: ofTeams.remove.handler(({ input: { team }, context: { actor } }) =>
        database.change(actor, (change) => teams.remove(change, team)),
      ),
      join: ofTeams.join.handler(({ input: { team, person }, context: { actor } }) =>
        database.change(actor, (change) => teams.join(change, team, person)),
      ),
      leave: ofTeams.leave.handler(({ input: { team, person }, context: { actor } }) =>
        database.change(actor, (change) => teams.leave(change, team, person)),
      ),
    },
    tokens: {
      list: ofTokens.list.handler(({ context: { actor } }) => tokens.list(db, actor.name)),
      add: ofTokens.add.handler(({ input: { name, roles, expiresInHours }, context: { actor } }) =>
        database.change(actor, async (change) => {
          await people.checkGrants(change.db, roles ?? [])
          return tokens.issue(change, actor.name, { name, roles, expires: inHours(expiresInHours) })
        }),
      ),
      remove: ofTokens.remove.handler(({ input: { name }, context: { actor } }) =>
        database.change(actor, (change) => tokens.remove(change, actor.name, name)),
      ),
      listOf: ofTokens.listOf.handler(async ({ input: { person } }) => {
        await people.get(db, person)
        return tokens.list(db, person)
      }),
      addFor: ofTokens.addFor.handler(
        ({ input: { person, name, roles, expiresInHours }, context: { actor } }) =>
          database.change(actor, async (change) => {
            const { kind } = await people.get(change.db, person)
            // A token of a person is that person to everybody: nobody else makes one.
            if (kind === 'person') throw refusals.noMachine(person)
            await people.checkGrants(change.db, roles ?? [])
            return tokens.issue(change, person, { name, roles, expires: inHours(expiresInHours) })
          }),
      ),
      removeOf: ofTokens.removeOf.handler(({ input: { person, name }, context: { actor } }) =>
        database.change(actor, async (change) => {
          await people.get(change.db, person)
          return tokens.remove(change, person, name)
        }),
      ),
    },
  }
}
