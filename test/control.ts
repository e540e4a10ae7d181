/** Releases and rollouts over a real database and a model engine, with config and needs as plain data. */
import type { Artifact, RunSpec } from '../src/api/app-spec.ts'
import { createReleases, type Releases, releaseMigrations } from '../src/platform/features/releases/index.ts'
import {
  createRollouts,
  type Delivery,
  type Rollouts,
  rolloutMigrations,
} from '../src/platform/features/rollouts/index.ts'
import type { Actor } from '../src/platform/kernel/actor.ts'
import type { Migration } from '../src/platform/kernel/migrations.ts'
import { openTestDatabase, type TestDatabase } from './database.ts'
import { createModelEngine, type ModelEngine } from './model-engine.ts'

export const ADA: Actor = { name: 'ada' }

export interface Control {
  test: TestDatabase
  engine: ModelEngine
  releases: Releases & { routes: unknown }
  rollouts: Rollouts
  /** Today's config by app and environment; change it at will. */
  config: Map<string, { plain: Record<string, string>; secrets: Record<string, number> }>
  errors: unknown[]
  ship(delivery?: Partial<Delivery>): Promise<{ release: number; rollout: string }>
  /** Lets the engine's time pass until the rollout is in one of the phases. */
  until(rollout: string, ...phases: string[]): Promise<Awaited<ReturnType<Rollouts['list']>>[number]>
  /** Lets the engine's time pass until the condition holds. */
  passUntil(holds: () => Promise<boolean> | boolean): Promise<void>
  /** Somebody sets the platform's clock; no time passes. */
  setClock(milliseconds: number): void
  close(): Promise<void>
}

export function artifact(digest = 'a'.repeat(64)): Artifact {
  return {
    digest,
    layers: [],
    config: { workdir: '/workspace', env: {} },
    platform: 'any',
    runtime: { name: 'node', version: '24.0.0', range: '*' },
    run: runSpec(),
    sbom: 'b'.repeat(64),
  }
}

export function runSpec(changes: Partial<RunSpec> = {}): RunSpec {
  return { processes: { web: processSpec() }, crons: {}, variables: {}, needs: [], ...changes }
}

export function processSpec(command = 'node server.js') {
  return { command, bootSeconds: 5, graceSeconds: 1, surgePercent: 25 }
}

export async function openControl(
  options: {
    engine?: ModelEngine
    migrations?: readonly Migration[]
    /** More environments and other engines. */
    engines?: (environment: string) => ModelEngine
  } = {},
): Promise<Control> {
  const engine = options.engine ?? createModelEngine()
  const engineOf = options.engines ?? (() => engine)
  let step = 0
  const clock = { now: () => new Date(engine.world.now() + step), steady: () => engine.world.now() }
  const test = await openTestDatabase([
    ...releaseMigrations,
    ...rolloutMigrations,
    ...(options.migrations ?? []),
  ])
  const config: Control['config'] = new Map()
  const errors: unknown[] = []
  const configOf = (app: string, environment: string) =>
    config.get(`${app}/${environment}`) ?? { plain: {}, secrets: {} }
  const snapshot = async (
    _change: unknown,
    app: string,
    environment: string,
    variables: RunSpec['variables'],
  ) => {
    const { plain, secrets } = configOf(app, environment)
    const missing = Object.keys(variables).filter(
      (key) => variables[key]?.required && !(key in plain) && !(key in secrets),
    )
    return { plain, secrets, missing }
  }
  let rollouts: Rollouts
  const releases = createReleases({
    database: test.database,
    clock,
    live: (db, app, environment) => rollouts.live(db, app, environment),
    snapshot,
    deliver: (change, delivery) => rollouts.deliver(change, delivery),
  })
  rollouts = createRollouts({
    database: test.database,
    clock,
    releases,
    engines: async (environment) => engineOf(environment),
    requireEnvironment: async () => undefined,
    snapshot,
    refusedNeeds: async (_db, app, _environment, needs) =>
      needs
        .filter((need) => need === 'impossible')
        .map(() => ({ message: `${app} needs what is not there` })),
    injectedNames: (needs) => (needs.includes('postgres') ? ['DATABASE_URL'] : []),
    config: async ({ plain, secrets }) => ({
      ...plain,
      ...Object.fromEntries(Object.entries(secrets).map(([key, version]) => [key, `s3cret-${version}`])),
    }),
    needs: async ({ run }) => (run.needs.includes('postgres') ? { DATABASE_URL: 'postgres://there' } : {}),
    onError: (error) => errors.push(error),
  })
  await rollouts.start()

  async function passUntil(holds: () => Promise<boolean> | boolean) {
    for (let turns = 0; turns < 2000; turns += 1) {
      if (await holds()) return
      engine.advance(50)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    throw new Error('it never came to that')
  }

  const find = async (id: string) => {
    const all = await rollouts.list(test.db, { limit: 100 })
    const rollout = all.find((one) => one.id === id)
    if (!rollout) throw new Error(`no rollout ${id}`)
    return rollout
  }

  return {
    test,
    engine,
    releases,
    rollouts,
    config,
    errors,
    async ship(delivery = {}) {
      const { release, rollout } = await test.database.change(ADA, (change) =>
        rollouts.deliver(change, {
          app: 'web-app',
          environment: 'stage',
          content: artifact(),
          run: runSpec(),
          reason: 'ship',
          description: 'Ship it',
          origin: {},
          by: 'ada',
          ...delivery,
        }),
      )
      return { release: release.number, rollout }
    },
    async until(id, ...phases) {
      let seen = await find(id)
      await passUntil(async () => {
        seen = await find(id)
        return phases.includes(seen.phase)
      }).catch(() => {
        throw new Error(`${id} is ${seen.phase} (${seen.message}), never ${phases.join(' or ')}`)
      })
      return seen
    },
    passUntil,
    setClock: (milliseconds) => {
      step += milliseconds
    },
    async close() {
      await rollouts.stop()
      await test.close()
    },
  }
}
