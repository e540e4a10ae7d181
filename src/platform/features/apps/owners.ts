/**
 * Which team an app belongs to. Its record decides who may change the app, `tow.yaml` only proposes: otherwise whoever
 * may write a file could take an app over. The record outlives the app, as its databases do: whoever ships the name
 * again finds their data.
 */
import { nearest } from '../../../api/nearest.ts'
import type { Actor } from '../../kernel/actor.ts'
import type { Change } from '../../kernel/database.ts'
import { type Access, isAdministrator } from '../access/index.ts'
import { refusals } from './messages.ts'
import { updateOwner } from './store.ts'

export type OwnersAccess = Pick<Access, 'require' | 'teamNames' | 'addTeam'>

/** Whoever may give an app away: a member of the team it belongs to, or an administrator. */
function mayGive({ principal }: Actor, from: string | null): boolean {
  return from === null || (principal ? principal.teams.includes(from) || isAdministrator(principal) : false)
}

/** Refused where this is not theirs to give, or there is no such team. A team that an administrator names is made. */
export async function giveApp(
  change: Change,
  { actor, access }: { actor: Actor; access: OwnersAccess },
  app: { name: string; owner: string | null },
  to: string | null,
): Promise<void> {
  if (!mayGive(actor, app.owner)) throw refusals.notYours(app.name, app.owner!, to)
  if (to !== null) {
    const teams = await access.teamNames(change.db)
    if (!teams.includes(to)) {
      if (!actor.principal || !isAdministrator(actor.principal))
        throw refusals.unknownTeam(app.name, to, nearest(to, teams))
      await access.addTeam(change, actor, to)
    }
  }
  await updateOwner(change.db, app.name, to)
  change.wake('access')
}
