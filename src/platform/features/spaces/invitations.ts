/** Who may enter a space by its host names: whoever has a link that its key has signed. */
import type { SpaceLink } from '../../../api/spaces.ts'
import type { Actor } from '../../kernel/actor.ts'
import type { Change } from '../../kernel/database.ts'
import { newId } from '../../kernel/ids.ts'
import type { Changes } from './changes.ts'
import type { SpacesOptions } from './index.ts'
import { refusals, said } from './messages.ts'
import { expiryAfter } from './rules.ts'
import {
  type InvitationRow,
  insertInvitation,
  listApps,
  listInvitations,
  revokeInvitation,
  type SpaceRow,
} from './store.ts'
import { linkOf, OWNER, placeOf, signToken } from './tokens.ts'

/** Of a space at a time: the router carries every id that was revoked. */
const MOST = 100

export type Invitations = ReturnType<typeof createInvitations>

export function createInvitations(options: SpacesOptions & { changes: Changes }) {
  const { database, clock, vault, engines, changes } = options
  const now = () => clock.now().getTime()

  /** Addresses of every app that is entered through the space, each with a token in it. */
  async function links(space: SpaceRow, id: string, expires: Date): Promise<SpaceLink[]> {
    const { name, environment } = space
    const [key] = await vault.open(database.db, [placeOf(space, 'door')])
    const own = (await listApps(database.db, { space: name })).filter(
      ({ wanted }) => wanted === 'running' || wanted === 'asleep',
    )
    const served = own.filter(({ counts }) => (counts.web ?? 0) > 0).map(({ app }) => app)
    // The environment's are entered through the space only where it has something of its own.
    const below = own.length === 0 ? [] : await options.appsIn(database.db, environment)
    const names = [...new Set([...served, ...below])]
    const engine = await engines(environment)
    const found = await Promise.all(
      names.map(async (app) => {
        const { public: urls } = await engine.addresses({ app, environment, space: name })
        const token = signToken(key!, name, id, expires)
        return urls.slice(0, 1).map((url) => ({ app, url: linkOf(url, token), own: served.includes(app) }))
      }),
    )
    return found.flat()
  }

  return {
    links,
    /** The owner's own. */
    ownLinks: (space: SpaceRow) => links(space, OWNER, space.expires_at),
    async invite(
      change: Change,
      actor: Actor,
      name: string,
      whom: string,
      hours: number,
    ): Promise<InvitationRow> {
      const space = await changes.open(change, name)
      const all = await listInvitations(change.db, name)
      if (all.filter((one) => one.expires_at.getTime() > now()).length >= MOST)
        throw refusals.tooManyInvitations(name, MOST)
      const row: InvitationRow = {
        ...{ id: newId('i'), space: name, for: whom, by: actor.name, created_at: clock.now() },
        ...{ expires_at: expiryAfter(now(), hours), revoked_by: null },
      }
      await insertInvitation(change.db, row)
      change.event({
        kind: 'space.invited',
        environment: space.environment,
        message: said.invited(name, whom, row.expires_at),
        facts: { space: name, invitation: row.id, for: whom, expiresAt: row.expires_at.toISOString() },
      })
      return row
    },
    /** One for the same that is open. */
    async openFor(change: Change, name: string, whom: string): Promise<InvitationRow | null> {
      const all = await listInvitations(change.db, name)
      return all.find((one) => one.for === whom && invitationView(one, now()).state === 'open') ?? null
    },
    async uninvite(change: Change, actor: Actor, name: string, id: string): Promise<InvitationRow> {
      const space = await changes.open(change, name)
      const row = (await listInvitations(change.db, name)).find((one) => one.id === id)
      if (!row) throw refusals.noInvitation(name, id)
      if (row.revoked_by !== null) return row
      await revokeInvitation(change.db, id, actor.name)
      await changes.tellAgain(change, { space: name })
      change.event({
        kind: 'space.uninvited',
        environment: space.environment,
        message: said.uninvited(name, row.for),
        facts: { space: name, invitation: id },
      })
      return { ...row, revoked_by: actor.name }
    },
  }
}

export function invitationView(row: InvitationRow, now: number) {
  const state = row.revoked_by !== null ? 'revoked' : row.expires_at.getTime() <= now ? 'expired' : 'open'
  return {
    ...{ id: row.id, for: row.for, by: row.by, createdAt: row.created_at.toISOString() },
    ...{ expiresAt: row.expires_at.toISOString(), state: state as 'open' | 'expired' | 'revoked' },
  }
}
