/** What happens to a space by itself: it expires, and tells whoever waits that it is live. */
import { PLATFORM } from '../../kernel/actor.ts'
import type { Changes } from './changes.ts'
import type { SpacesOptions } from './index.ts'
import type { Invitations } from './invitations.ts'
import { said } from './messages.ts'
import { findSpace, listApps, listSpaces, lockSpace, type SpaceRow, updateSpace } from './store.ts'
import { placeOf } from './tokens.ts'
import { tell } from './webhook.ts'

const MOST_TRIES = 6
/** After the first failure; twice as long after each that follows. */
const FIRST_PAUSE = 10_000
const WEBHOOK_HOURS = 30 * 24

export interface LifeDependencies extends SpacesOptions {
  changes: Changes
  invitations: Invitations
}

export function createLife({
  database,
  clock,
  vault,
  changes,
  invitations,
  isShipping,
  onError,
}: LifeDependencies) {
  const now = () => clock.now().getTime()

  async function expire({ name }: SpaceRow): Promise<void> {
    await database.change(PLATFORM, async (change) => {
      const space = await lockSpace(change.db, name)
      if (!space || space.removing || space.expires_at.getTime() > now()) return
      await changes.begin(change, space, 'space.expired', said.expired(name))
    })
  }

  /** Once everything is live. The address and the links are secret, and only the host is ever named. */
  async function inform(space: SpaceRow, signal: AbortSignal): Promise<void> {
    const { name, environment, webhook } = space
    const apps = await listApps(database.db, { space: name })
    const isLive =
      apps.length > 0 && apps.every((row) => row.wanted !== 'running' || row.report.phase === 'live')
    if (!isLive || webhook === null || (await isShipping(name))) return
    const reason = await send(space, signal)
    if (signal.aborted) return
    await database.change(PLATFORM, async (change) => {
      const row = await lockSpace(change.db, name)
      // Another delivery has asked for it meanwhile, and is told of by itself.
      if (row?.webhook_due?.getTime() !== space.webhook_due?.getTime()) return
      const tries = space.webhook_tries + 1
      const isOver = reason === null || tries >= MOST_TRIES
      const due = isOver ? null : new Date(now() + FIRST_PAUSE * 2 ** (tries - 1))
      await updateSpace(change.db, name, { webhook_tries: tries, webhook_due: due })
      if (!isOver) return
      change.event({
        kind: reason === null ? 'space.told' : 'space.not-told',
        environment,
        message:
          reason === null ? said.webhookTold(name, webhook) : said.webhookFailed(name, webhook, reason),
        facts: { space: name, host: webhook },
      })
    })
  }

  async function send(space: SpaceRow, signal: AbortSignal): Promise<string | null> {
    try {
      const [address] = await vault.open(database.db, [placeOf(space, 'webhook')])
      const invitation = await invitationFor(space)
      const links = await invitations.links(space, invitation.id, invitation.expires_at)
      const { name, environment, owner, branch } = space
      await tell(address!, { space: name, environment, owner, branch: branch?.name ?? null, links }, signal)
      return null
    } catch (error) {
      return (error as Error).message
    }
  }

  /** One for the webhook, whose link ends like any other that was given away. */
  async function invitationFor(space: SpaceRow) {
    const whom = `webhook ${space.webhook}`
    return database.change(PLATFORM, async (change) => {
      const known = await invitations.openFor(change, space.name, whom)
      return known ?? invitations.invite(change, PLATFORM, space.name, whom, WEBHOOK_HOURS)
    })
  }

  return {
    async pass(signal: AbortSignal): Promise<void> {
      for (const space of await listSpaces(database.db)) {
        if (signal.aborted) return
        try {
          if (!space.removing && space.expires_at.getTime() <= now()) await expire(space)
          else if (space.webhook_due && space.webhook_due.getTime() <= now() && !space.removing) {
            const fresh = await findSpace(database.db, space.name)
            if (fresh) await inform(fresh, signal)
          }
        } catch (error) {
          onError(error)
        }
      }
    },
  }
}
