import type { RunSpec } from '../../../api/app-spec.ts'
import type { ConfigEntry } from '../../../api/config.ts'
import { operations } from '../../kernel/operations.ts'
import { applyChange, isSet, type OfApp } from './change.ts'
import { findSet } from './find.ts'
import type { ConfigOptions } from './index.ts'
import { rotate } from './rotate.ts'
import { keyOfNeed } from './rules.ts'
import { latestVersions, type VersionRow } from './store.ts'
import type { Vault } from './vault.ts'

export function configRoutes(options: ConfigOptions, vault: Vault) {
  const { database, clock, environments, apps, runSpecOf, onChanged } = options
  return {
    config: {
      list: operations.config.list.handler(async ({ input: { app, environment } }) => {
        await environments.get(database.db, environment)
        await apps.get(database.db, app)
        const latest = await latestVersions(database.db, app, environment)
        return entries(latest, await runSpecOf(database.db, app, environment))
      }),
      set: operations.config.set.handler(({ input, context }) =>
        database.change(context.actor, async (change) => {
          const of: OfApp = { app: input.app, environment: input.environment }
          const by = context.actor.name
          await environments.get(change.db, input.environment)
          if (Object.keys(input.set).length > 0) {
            const app = { name: input.app, owner: null, environment: input.environment }
            await apps.ensure(change, context.actor, app)
          } else await apps.get(change.db, input.app)
          const run = await runSpecOf(change.db, input.app, input.environment)
          const { changed, guessedSecrets, description } = await applyChange(change, input, {
            ...{ vault, now: clock.now(), by, needs: run?.needs ?? [] },
            declaredSecret: declaredSecrets(run),
          })
          const made =
            changed.length === 0
              ? { release: null, rollout: null }
              : await onChanged(change, { ...of, description, keys: changed, by })
          return { changed, guessedSecrets, ...made }
        }),
      ),
      reveal: operations.config.reveal.handler(async ({ input: { app, environment, key }, context }) => {
        const row = await findSet(database.db, { app, environment }, key)
        const value =
          row.kind === 'plain'
            ? row.value!
            : (await vault.open(database.db, [{ app, environment, key, version: row.version }]))[0]!
        // Without the idempotency key: the answer of a change is kept for replays, and this one is a secret.
        await database.change({ name: context.actor.name }, async (change) => {
          const message = `Looked at ${key} of ${app} in ${environment}`
          change.event({ kind: 'config.revealed', app, environment, message, facts: { key } })
        })
        return { key, value }
      }),
      rotateKey: operations.config.rotateKey.handler(({ context }) => rotate(database, vault, context.actor)),
    },
  }
}

function declaredSecrets(run: RunSpec | null): Set<string> {
  const specs = Object.entries(run?.variables ?? {})
  return new Set(specs.filter(([, spec]) => spec.secret || spec.generated).map(([key]) => key))
}

/** What is set, the defaults of the newest release's source, and what its needs give; sorted by key. */
function entries(latest: Map<string, VersionRow>, run: RunSpec | null): ConfigEntry[] {
  const found = new Map<string, ConfigEntry>()
  for (const [key, { default: value, secret }] of Object.entries(run?.variables ?? {})) {
    if (value === undefined) continue
    found.set(key, given(key, 'default', secret ? null : value, secret))
  }
  for (const row of latest.values()) {
    if (!isSet(row)) continue
    const { key, value, version, by } = row
    found.set(key, {
      key,
      secret: row.kind === 'secret',
      value,
      version,
      source: row.source,
      by,
      at: row.at.toISOString(),
    })
  }
  for (const need of run?.needs ?? []) {
    const key = keyOfNeed(need)
    found.set(key, given(key, need === 'postgres' ? 'need' : 'platform', null, need === 'postgres'))
  }
  return [...found.values()].sort((one, other) => (one.key < other.key ? -1 : 1))
}

function given(
  key: string,
  source: ConfigEntry['source'],
  value: string | null,
  secret: boolean,
): ConfigEntry {
  return { key, secret, value, version: 0, source, by: null, at: null }
}
