/** Teams: who is in them. What they own is known to the apps. */
import { nearest } from '../../../api/nearest.ts'
import type { Team } from '../../../api/people.ts'
import type { Actor } from '../../kernel/actor.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Change, Queries, Within } from '../../kernel/database.ts'
import { refusals } from './messages.ts'
import {
  deleteMember,
  deleteTeam,
  findPrincipal,
  insertMember,
  insertTeam,
  listTeams,
  lockTeam,
} from './store.ts'

export interface TeamsOptions {
  clock: Clock
  /** Every app with the team it belongs to. */
  appsOf: (db: Queries | Within) => Promise<{ name: string; owner: string | null }[]>
}

export function createTeams({ clock, appsOf }: TeamsOptions) {
  async function list(db: Queries | Within): Promise<Team[]> {
    const apps = await appsOf(db)
    return (await listTeams(db)).map(({ name, members, created_at }) => ({
      ...{ name, members, createdAt: created_at.toISOString() },
      apps: apps.filter(({ owner }) => owner === name).map((app) => app.name),
    }))
  }

  async function get(db: Queries | Within, name: string): Promise<Team> {
    const all = await list(db)
    const found = all.find((team) => team.name === name)
    if (found) return found
    throw refusals.unknownTeam(
      name,
      nearest(
        name,
        all.map((team) => team.name),
      ),
    )
  }

  async function requirePerson(db: Within, name: string): Promise<void> {
    if (!(await findPrincipal(db, name))) throw refusals.unknownPrincipal(name, null)
  }

  return {
    list,
    /** NOT_FOUND, with the nearest name, where there is none. */
    get,
    async add(change: Change, { name: by }: Actor, name: string): Promise<Team> {
      if (!(await insertTeam(change.db, name, by, clock.now()))) throw refusals.teamExists(name)
      change.event({ kind: 'team.added', message: `Made the team ${name}`, facts: { team: name } })
      return get(change.db, name)
    },
    async remove(change: Change, name: string): Promise<Team> {
      await lockTeam(change.db, name)
      const team = await get(change.db, name)
      if (team.apps.length > 0) throw refusals.ownsApps(name, team.apps)
      await deleteTeam(change.db, name)
      change.event({
        kind: 'team.removed',
        message: `Removed the team ${name}`,
        facts: { team: name, members: team.members },
      })
      change.wake('access')
      return team
    },
    async join(change: Change, name: string, person: string): Promise<Team> {
      await get(change.db, name)
      await requirePerson(change.db, person)
      if (await insertMember(change.db, name, person)) {
        const message = `${person} is in the team ${name}`
        change.event({ kind: 'team.joined', message, facts: { team: name, principal: person } })
      }
      return get(change.db, name)
    },
    async leave(change: Change, name: string, person: string): Promise<Team> {
      await get(change.db, name)
      if (!(await deleteMember(change.db, name, person))) throw refusals.notInTeam(name, person)
      const message = `${person} is no more in the team ${name}`
      change.event({ kind: 'team.left', message, facts: { team: name, principal: person } })
      change.wake('access')
      return get(change.db, name)
    },
  }
}

export type Teams = ReturnType<typeof createTeams>
