import type { Space } from '../../../api/spaces.ts'
import type { Observation } from '../../../engines/engine.ts'
import type { Queries, Within } from '../../kernel/database.ts'
import { operations } from '../../kernel/operations.ts'
import type { Add } from './add.ts'
import type { Changes } from './changes.ts'
import { entriesOf } from './config.ts'
import { debuggedProcesses } from './debugging.ts'
import type { SpacesOptions } from './index.ts'
import { type Invitations, invitationView } from './invitations.ts'
import { callsIn, type PassingDependencies } from './passing.ts'
import { planOf } from './plan.ts'
import { setOf } from './rules.ts'
import { listApps, listInvitations, listSpaces, type SpaceAppRow, type SpaceRow } from './store.ts'
import { spaceView } from './view.ts'
import { compare } from './workspace.ts'

export interface RoutesParts extends SpacesOptions {
  add: Add
  changes: Changes
  invitations: Invitations
  passing: PassingDependencies
  requireSpace(db: Queries | Within, name: string): Promise<SpaceRow>
  requireApp(db: Queries | Within, space: string, app: string): Promise<SpaceAppRow>
  observe(row: SpaceAppRow): Promise<Observation | null>
  now(): number
}

export function spaceRoutes(parts: RoutesParts) {
  const { database, changes, invitations, now } = parts
  const { db } = database

  async function views(spaces: readonly SpaceRow[]): Promise<Space[]> {
    const rows = (await listApps(db)).filter((row) => spaces.some(({ name }) => name === row.space))
    const asked = rows.filter(({ wanted }) => wanted === 'running' || wanted === 'asleep')
    const seen = new Map(
      await Promise.all(
        asked.map(async (row) => [`${row.space}/${row.app}`, await parts.observe(row)] as const),
      ),
    )
    return spaces.map((space) => {
      const own = rows.filter((row) => row.space === space.name)
      return spaceView(space, own, (app) => seen.get(`${space.name}/${app}`) ?? null, now())
    })
  }

  async function view(name: string): Promise<Space> {
    const [found] = await views([await parts.requireSpace(db, name)])
    return found!
  }

  return {
    spaces: {
      list: operations.spaces.list.handler(async ({ input }) => views(await listSpaces(db, input))),
      add: operations.spaces.add.handler(async ({ input, context: { actor } }) => {
        await parts.add.require(input)
        return database.change(actor, (change) => parts.add.add(change, actor, input))
      }),
      get: operations.spaces.get.handler(({ input }) => view(input.space)),
      plan: operations.spaces.plan.handler(async ({ input }) => {
        const space = await parts.requireSpace(db, input.space)
        return planOf(parts, space)
      }),
      workspace: operations.spaces.workspace.handler(async ({ input }) => {
        const { name } = await parts.requireSpace(db, input.space)
        const row = await parts.requireApp(db, name, input.app)
        const { path, context } = row
        const artifact = await parts.artifact(db, row.artifact)
        const layers = (artifact?.layers ?? []).map(({ kind, tree }) => ({ kind, tree }))
        const top = layers.find(({ kind }) => kind === 'app')
        const [source, layer] = await Promise.all([parts.tree(row.tree), top ? parts.tree(top.tree) : null])
        const debugged = artifact && debuggedProcesses(row.run, row.live, artifact.runtime.name)
        return {
          ...{ set: setOf(row), tree: row.tree, path, context, artifact: row.artifact, layers },
          ...compare({ source: source.entries, layer: layer?.entries ?? [], path, context }),
          debug: debugged && { ...debugged, processes: Object.keys(debugged.commands) },
        }
      }),
      attend: operations.spaces.attend.handler(async ({ input, context: { actor } }) => {
        const until = await database.change(actor, async (change) => {
          const at = await changes.attend(change, actor, input.space, input.apps)
          return at.toISOString()
        })
        return { until, space: await view(input.space) }
      }),
      stop: operations.spaces.stop.handler(({ input: { space, apps }, context: { actor } }) =>
        database.change(actor, async (change) => ({
          space,
          stopped: await changes.turn(change, actor, space, apps, 'stopped'),
        })),
      ),
      start: operations.spaces.start.handler(({ input: { space, apps }, context: { actor } }) =>
        database.change(actor, async (change) => ({
          space,
          started: await changes.turn(change, actor, space, apps, 'running'),
        })),
      ),
      extend: operations.spaces.extend.handler(({ input, context: { actor } }) =>
        database.change(actor, async (change) => {
          const { space, expiresInHours, banner } = input
          const { before, expires } = await changes.extend(change, space, expiresInHours, banner)
          return { space, before: before.toISOString(), expiresAt: expires.toISOString() }
        }),
      ),
      remove: operations.spaces.remove.handler(({ input: { space, apps }, context: { actor } }) =>
        database.change(actor, async (change) => ({
          space,
          ...(await changes.remove(change, actor, space, apps)),
        })),
      ),
      swap: operations.spaces.swap.handler(({ input: { space, app, seconds }, context: { actor } }) =>
        database.change(actor, (change) => changes.swap(change, actor, space, app, seconds)),
      ),
      unswap: operations.spaces.unswap.handler(({ input: { app, environment }, context: { actor } }) =>
        database.change(actor, async (change) => ({
          ...{ app, environment },
          space: await changes.unswap(change, actor, app, environment),
        })),
      ),
      links: operations.spaces.links.handler(async ({ input }) =>
        invitations.ownLinks(await parts.requireSpace(db, input.space)),
      ),
      calls: operations.spaces.calls.handler(async ({ input: { space, since } }) =>
        callsIn(parts.passing, await parts.requireSpace(db, space), since),
      ),
      invite: operations.spaces.invite.handler(async ({ input, context: { actor } }) => {
        const row = await database.change(actor, (change) =>
          invitations.invite(change, actor, input.space, input.for, input.expiresInHours),
        )
        const space = await parts.requireSpace(db, input.space)
        return {
          ...invitationView(row, now()),
          links: await invitations.links(space, row.id, row.expires_at),
        }
      }),
      invitations: operations.spaces.invitations.handler(async ({ input }) => {
        const { name } = await parts.requireSpace(db, input.space)
        return (await listInvitations(db, name)).map((row) => invitationView(row, now()))
      }),
      uninvite: operations.spaces.uninvite.handler(({ input, context: { actor } }) =>
        database.change(actor, async (change) =>
          invitationView(await invitations.uninvite(change, actor, input.space, input.id), now()),
        ),
      ),
      config: operations.spaces.config.handler(async ({ input }) => {
        const { name } = await parts.requireSpace(db, input.space)
        return entriesOf(db, name, input.app)
      }),
      configure: operations.spaces.configure.handler(({ input, context: { actor } }) =>
        database.change(actor, (change) => changes.configure(change, actor, { name: input.space, ...input })),
      ),
    },
  }
}
