/** People and machines, and the roles that they hold. */
import { nearest } from '../../../api/nearest.ts'
import type { Person } from '../../../api/people.ts'
import type { Grant } from '../../../api/roles.ts'
import type { Actor } from '../../kernel/actor.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Change, Queries, Within } from '../../kernel/database.ts'
import { inWords, refusals } from './messages.ts'
import { misplacedRole } from './rules.ts'
import {
  deletePrincipal,
  deleteRoles,
  insertMember,
  insertPrincipal,
  insertRoles,
  listPrincipals,
} from './store.ts'

export interface PeopleOptions {
  clock: Clock
  /** The login name of whoever started the platform. */
  person: string
  /** NOT_FOUND where there is no such environment. */
  requireEnvironment: (db: Queries | Within, name: string) => Promise<unknown>
  requireTeam: (db: Within, name: string) => Promise<void>
  /** Ends every token and session; answers with the names of the tokens. */
  revoke: (change: Change, principal: string) => Promise<string[]>
}

export function createPeople({
  clock,
  person: starter,
  requireEnvironment,
  requireTeam,
  revoke,
}: PeopleOptions) {
  async function list(db: Queries | Within): Promise<Person[]> {
    return (await listPrincipals(db)).map(({ created_at, created_by, ...row }) => ({
      ...row,
      createdAt: created_at.toISOString(),
    }))
  }

  /** NOT_FOUND, with the nearest name, where there is nobody of that name. */
  async function get(db: Queries | Within, name: string): Promise<Person> {
    const all = await list(db)
    const found = all.find((one) => one.name === name)
    if (found) return found
    throw refusals.unknownPrincipal(
      name,
      nearest(
        name,
        all.map((one) => one.name),
      ),
    )
  }

  async function checkGrants(db: Queries | Within, grants: readonly Grant[]): Promise<void> {
    const misplaced = misplacedRole(grants)
    if (misplaced) throw refusals.heldEverywhere(misplaced)
    for (const { environment } of grants) if (environment !== null) await requireEnvironment(db, environment)
  }

  return {
    list,
    get,
    checkGrants,
    async add(
      change: Change,
      actor: Actor,
      wanted: { name: string; kind: Person['kind']; roles: Grant[]; teams: string[] },
    ): Promise<Person> {
      const { name, kind, roles, teams } = wanted
      await checkGrants(change.db, roles)
      const row = { name, kind, created_at: clock.now(), created_by: actor.name }
      if (!(await insertPrincipal(change.db, row))) throw refusals.principalExists(name)
      await insertRoles(change.db, name, roles)
      for (const team of teams) {
        await requireTeam(change.db, team)
        await insertMember(change.db, team, name)
      }
      change.event({
        kind: `${kind}.added`,
        message: `Added the ${kind} ${name} (${inWords(roles)})`,
        facts: { principal: name, roles, teams },
      })
      return get(change.db, name)
    },
    async change(
      change: Change,
      { person, give, take }: { person: string; give: Grant[]; take: Grant[] },
    ): Promise<Person> {
      const before = await get(change.db, person)
      await checkGrants(change.db, give)
      await deleteRoles(change.db, person, take)
      await insertRoles(change.db, person, give)
      const after = await get(change.db, person)
      if (inWords(before.roles) === inWords(after.roles)) return after
      change.event({
        kind: 'person.roles-changed',
        message: `${person} is ${inWords(after.roles)}, was ${inWords(before.roles)}`,
        facts: { principal: person, before: before.roles, after: after.roles },
      })
      change.wake('access')
      return after
    },
    async remove(change: Change, name: string): Promise<Person> {
      if (name === starter) throw refusals.starter(name)
      const gone = await get(change.db, name)
      const tokens = await revoke(change, name)
      await deletePrincipal(change.db, name)
      change.event({
        kind: `${gone.kind}.removed`,
        message: `Removed the ${gone.kind} ${name}, with every token and session`,
        facts: { principal: name, roles: gone.roles, teams: gone.teams, tokens },
      })
      change.wake('access')
      return gone
    },
  }
}

export type People = ReturnType<typeof createPeople>
