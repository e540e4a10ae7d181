/**
 * Config: the values that apps find in their environment, by app and environment. Every value is a version that never
 * changes; secrets are sealed with a key file that no backup of the database contains. It does not know releases: it
 * freezes values for them, and tells of changes through `onChanged`.
 */
import type { RunSpec } from '../../../api/app-spec.ts'
import { type Actor, PLATFORM } from '../../kernel/actor.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Change, Database, Queries, Within } from '../../kernel/database.ts'
import type { Feature } from '../../kernel/feature.ts'
import { keysPart } from './backup.ts'
import { isSet, type OfApp } from './change.ts'
import { removeRetiredKeys } from './rotate.ts'
import { configRoutes } from './routes.ts'
import { nextVersion } from './rules.ts'
import { type FrozenConfig, type Snapshot, takeSnapshot } from './snapshot.ts'
import { appendVersions, configMigration, configuredPairs, latestVersions, lockConfig } from './store.ts'
import { createVault, type Vault, vaultMigration } from './vault.ts'

export { describeChange as describeConfig } from './messages.ts'
export { keyOfNeed, looksSecret, reservedReason } from './rules.ts'
export type { Place } from './seal.ts'
export type { FrozenConfig, Snapshot } from './snapshot.ts'

export const configMigrations = [configMigration, vaultMigration]

export interface ConfigOptions {
  database: Database
  clock: Clock
  /** Folder of the key files, 0700: `home/keys`. */
  keysFolder: string
  /** Throws NOT_FOUND, with a suggestion, where there is no such environment. */
  environments: { get(db: Queries | Within, name: string): Promise<unknown> }
  /** `get` throws NOT_FOUND; `ensure` makes it known: config may come before the first ship. */
  apps: {
    get(db: Queries | Within, name: string): Promise<unknown>
    ensure(
      change: Change,
      actor: Actor,
      app: { name: string; owner: string | null; environment: string },
    ): Promise<unknown>
  }
  /** Of the newest release; null before the first. */
  runSpecOf(db: Queries | Within, app: string, environment: string): Promise<RunSpec | null>
  /** Makes the release, in the same transaction; nulls where the app has no release yet. */
  onChanged(
    change: Change,
    changed: OfApp & { description: string; keys: string[]; by: string },
  ): Promise<{ release: number | null; rollout: string | null }>
}

export interface Config {
  /**
   * Freezes the present values for a release; makes up what is to be generated. `injected`: keys that the app's needs
   * give at run time, which are then neither missing nor frozen.
   */
  snapshot(
    change: Change,
    app: string,
    environment: string,
    variables: RunSpec['variables'],
    injected?: readonly string[],
  ): Promise<Snapshot>
  /** The values behind a frozen config: exactly those versions. Throws where a secret can't be read. */
  resolve(of: OfApp, frozen: FrozenConfig): Promise<Record<string, string>>
  /** What is set today; nothing is made up, and nothing written. */
  present(db: Queries | Within, of: OfApp): Promise<FrozenConfig>
  /** Today's version of every secret that is set, by key. */
  secretVersionsNow(db: Queries | Within, of: OfApp): Promise<Record<string, number>>
  /** Those of the keys that someone has set. */
  setByHand(db: Queries | Within, of: OfApp, keys: readonly string[]): Promise<string[]>
  /** Secrets of other features: under a key that no config can have, e.g. `need:postgres`. */
  vault: Pick<Vault, 'keep' | 'open' | 'isLost' | 'forget' | 'check'>
  /** Environments in which anything was ever set for an app. */
  placesOf(db: Queries | Within, app: string): Promise<string[]>
  /** Unsets everything of an app, or of an environment, so that nothing comes back with a new one of that name. */
  forget(change: Change, only: { app: string } | { environment: string }): Promise<void>
}

export function createConfig(options: ConfigOptions): Feature<ReturnType<typeof configRoutes>> & Config {
  const { database, clock } = options
  const vault = createVault({ folder: options.keysFolder, now: () => clock.now() })

  const config: Config = {
    vault,
    snapshot: (change, app, environment, variables, injected = []) =>
      takeSnapshot(change, { app, environment, variables, injected }, { vault, now: clock.now() }),
    async resolve({ app, environment }, { plain, secrets }) {
      const places = Object.entries(secrets).map(([key, version]) => ({ app, environment, key, version }))
      const texts = await vault.open(database.db, places)
      return { ...plain, ...Object.fromEntries(places.map(({ key }, index) => [key, texts[index]!])) }
    },
    async present(db, { app, environment }) {
      const rows = [...(await latestVersions(db, app, environment)).values()].filter(isSet)
      const frozen: FrozenConfig = { plain: {}, secrets: {} }
      for (const { key, kind, value, version } of rows) {
        if (kind === 'secret') frozen.secrets[key] = version
        else frozen.plain[key] = value!
      }
      return frozen
    },
    async secretVersionsNow(db, { app, environment }) {
      const latest = await latestVersions(db, app, environment)
      const secrets = [...latest.values()].filter((row) => isSet(row) && row.kind === 'secret')
      return Object.fromEntries(secrets.map(({ key, version }) => [key, version]))
    },
    async setByHand(db, { app, environment }, keys) {
      const latest = await latestVersions(db, app, environment)
      return keys.filter((key) => isSet(latest.get(key)))
    },
    async placesOf(db, app) {
      return (await configuredPairs(db, { app })).map(({ environment }) => environment)
    },
    async forget(change, only) {
      for (const { app, environment } of await configuredPairs(change.db, only)) {
        await lockConfig(change.db, app, environment)
        const latest = await latestVersions(change.db, app, environment)
        const rows = [...latest.values()].filter(({ kind }) => kind !== 'unset')
        await appendVersions(
          change.db,
          rows.map((row) => ({
            ...{ ...row, version: nextVersion(row), kind: 'unset', value: null },
            ...{ source: 'set', by: PLATFORM.name, at: clock.now() },
          })),
        )
        await vault.forget(change.db, { app, environment }, [...latest.keys()])
      }
    },
  }

  return {
    name: 'config',
    migrations: configMigrations,
    routes: configRoutes(options, vault),
    ...config,
    backup: keysPart(vault.keyring),
    start: () => removeRetiredKeys(database, vault),
  }
}
