/** For tests: a platform with one app below, and what is done to spaces over it. */
import { sql } from 'kysely'
import { openWholePlatform, type WholePlatform } from '../../../../test/whole-platform.ts'
import type { Grant } from '../../../api/roles.ts'
import type { Ship } from '../../../api/ships.ts'
import type { Space } from '../../../api/spaces.ts'
import { type Client, createClient } from '../../../client/client.ts'

export type Into = NonNullable<Parameters<Client['ships']['start']>[0]['space']>
type Files = Record<string, string>

/** An app with a door and a worker; `more` goes into its declaration. */
export const shop = (more = '', text = 'shop 1'): Files => ({
  'tow.yaml': `version: 1\napps:\n  shop: { processes: { web: { command: serve }, worker: { command: work } }${more} }\n`,
  main: text,
})

export const copy = (space: string, app = 'shop') => ({ app, environment: 'stage', space })

export interface SpaceWorld {
  platform: WholePlatform
  client: Client
  /** Ships into a space and waits until that is over. */
  into(space: Into, files?: Files, by?: Client): Promise<Ship>
  follow(id: string, by?: Client): Promise<Ship>
  someone(name: string, roles: Grant[], kind?: 'person' | 'machine'): Promise<Client>
  until<T>(look: () => Promise<T> | T, holds: (seen: T) => boolean): Promise<T>
  /** Resolves when the space's first app is in this state. */
  state(space: string, wanted: string): Promise<Space>
  gone(space: string): Promise<unknown>
  /** Kinds of the events about a space, newest first. */
  kinds(space: string): Promise<string[]>
  close(): Promise<void>
}

export async function openSpaceWorld(): Promise<SpaceWorld> {
  const platform = await openWholePlatform()
  const { client } = platform
  await platform.ship(shop())

  const world: SpaceWorld = {
    platform,
    client,
    async into(space, files = shop(), by = client) {
      const { id } = await by.ships.start({ tree: await platform.tree(files), folderName: 'shop', space })
      return world.follow(id, by)
    },
    async follow(id, by = client) {
      for await (const update of await by.ships.follow({ id })) {
        if (update.type === 'ship' && update.ship.state !== 'running') return update.ship
      }
      throw new Error(`the delivery ${id} has no end`)
    },
    async someone(name, roles, kind = 'machine') {
      await client.people.add({ name, kind: 'machine', roles, teams: [] })
      const { token } = await client.tokens.addFor({ person: name, name: 'test' })
      if (kind === 'person') {
        await sql`update principals set kind = 'person' where name = ${name}`.execute(platform.database.db)
      }
      return createClient({ url: platform.url, token })
    },
    async until(look, holds) {
      for (const end = Date.now() + 20_000; ; ) {
        const seen = await look()
        if (holds(seen)) return seen
        if (Date.now() > end) throw new Error(`it never came to that: ${JSON.stringify(seen)}`)
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    },
    state: (space, wanted) =>
      world.until(
        () => client.spaces.get({ space }),
        ({ apps }) => apps[0]?.state === wanted,
      ),
    gone: (space) =>
      world.until(
        () => client.spaces.list({}),
        (all) => all.every(({ name }) => name !== space),
      ),
    async kinds(space) {
      const events = await client.events.list({ limit: 1000 })
      return events.filter(({ facts }) => facts.space === space).map(({ kind }) => kind)
    },
    close: () => platform.close(),
  }
  return world
}
