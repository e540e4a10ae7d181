/** Copies of apps as they run below, put into a space: the same artifact, nothing is built. */
import { TowError } from '../../../api/errors.ts'
import type { Actor } from '../../kernel/actor.ts'
import type { Change } from '../../kernel/database.ts'
import type { ReleaseWithState } from '../releases/index.ts'
import type { createDeliver, Refusal, SpaceDelivery } from './deliver.ts'
import type { SpacesOptions } from './index.ts'
import { refusals } from './messages.ts'
import { hasDatabase } from './rules.ts'
import { findApp, findSpace, listApps } from './store.ts'

export interface AskedCopies {
  space: string
  environment: string
  apps: readonly string[]
  /** In a place of its own, with databases of its own. */
  full: boolean
  ownDatabases: boolean
  dumps: readonly string[]
  with: string[]
  crons: boolean
  expiresInHours?: number | undefined
  banner?: boolean | undefined
}

export type Add = ReturnType<typeof createAdd>

export function createAdd(options: SpacesOptions & { deliver: ReturnType<typeof createDeliver> }) {
  const { deliver } = options

  /** What serves below, of each; and every reason why there is nothing to copy. */
  async function look(change: Change, asked: AskedCopies) {
    const found: Refusal[] = []
    const releases: ReleaseWithState[] = []
    for (const app of new Set(asked.apps)) {
      const release = await options.below(change.db, app, asked.environment)
      if (release) releases.push(release)
      else found.push(refusals.nothingBelow(app, asked.environment))
    }
    return { found, releases }
  }

  /** By app, what its database is filled from. */
  async function dumpsOf(change: Change, asked: AskedCopies, releases: readonly ReleaseWithState[]) {
    const found: Refusal[] = []
    const byApp = new Map<string, string>()
    for (const name of asked.dumps) {
      const dump = await options.dump(change.db, name)
      if (dump?.state !== 'ready') {
        found.push(refusals.noSuchDump(name))
        continue
      }
      const release = releases.find(({ app }) => app === dump.app)
      const there = await findApp(change.db, asked.space, dump.app)
      if (!release) found.push(refusals.dumpOfOther(name, dump.app, asked.apps))
      else if (!release.run.needs.includes('postgres')) found.push(refusals.dumpUnwanted(name, dump.app))
      else if (there && hasDatabase(there)) found.push(refusals.databaseThere(name, dump.app, asked.space))
      else byApp.set(dump.app, name)
    }
    return { found, byApp }
  }

  /** How many more there would be. */
  async function newDatabases(change: Change, space: string, releases: readonly ReleaseWithState[]) {
    const there = (await listApps(change.db, { space })).filter(
      (row) => row.wanted !== 'removing' && hasDatabase(row),
    )
    const asking = releases.filter(({ run }) => run.needs.includes('postgres'))
    return asking.filter(({ app }) => !there.some((row) => row.app === app)).length
  }

  return {
    /** UNSUPPORTED where the engine of the environment can hold no spaces, REFUSED where it has no place for a full one. */
    async require({ environment, space, full }: Pick<AskedCopies, 'environment' | 'space' | 'full'>) {
      const engine = await options.engines(environment)
      const { spaces } = await engine.capabilities()
      if (!spaces) throw refusals.noSpaces(environment)
      const problem = full ? await engine.refusesApart({ environment, space }) : null
      if (problem) throw refusals.noPlace(problem)
    },
    async add(change: Change, actor: Actor, asked: AskedCopies) {
      const { space, environment, full, expiresInHours, banner } = asked
      const isFull = full || (await findSpace(change.db, space))?.apart === true
      const ownDatabases = isFull || asked.ownDatabases || asked.dumps.length > 0
      const { found, releases } = await look(change, asked)
      const dumps = await dumpsOf(change, asked, releases)
      const names = releases.map(({ app }) => app)
      refuse([...found, ...dumps.found])
      const databases = ownDatabases ? await newDatabases(change, space, releases) : 0
      const into = await deliver.prepare(change, actor, {
        ...{ name: space, environment, apps: names, full, ownDatabases, databases, expiresInHours, banner },
        ...{ with: asked.with, crons: asked.crons, release: false },
      })
      const deliveries = await Promise.all(
        releases.map(async (release): Promise<SpaceDelivery> => {
          const { app, content, run, origin } = release
          const source = (await options.source(app, content.digest)) ?? {
            // Nobody remembers: what the build made of it stands for it.
            ...{ tree: content.layers.at(-1)?.tree ?? '', path: '.', context: '.' },
          }
          const dump = dumps.byApp.get(app)
          return { app, environment, content, run, origin, by: actor.name, into, dump, ...source }
        }),
      )
      const together = names.length > 1 ? names : []
      for (const delivery of deliveries) refuse(await deliver.refusals(change, delivery, together))
      const placed: { app: string; set: string; release: number }[] = []
      for (const [index, delivery] of deliveries.entries()) {
        const revision = await deliver.place(change, delivery, together)
        placed.push({ app: delivery.app, set: `${space}.${revision}`, release: releases[index]!.number })
      }
      return { space, environment, apps: placed }
    },
  }
}

function refuse(found: readonly Refusal[]): void {
  if (found.length === 0) return
  const hints = [...new Set(found.flatMap(({ hint }) => hint ?? []))]
  throw new TowError('REFUSED', found.map(({ message }) => message).join('\n'), {
    ...(hints.length > 0 ? { hint: hints.join('\n') } : {}),
  })
}
