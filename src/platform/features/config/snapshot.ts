/** What a release freezes: plain values as they are, secrets by version, and everything that is missing at once. */
import { randomBytes } from 'node:crypto'
import type { VariableSpec } from '../../../api/app-spec.ts'
import { PLATFORM } from '../../kernel/actor.ts'
import type { Change } from '../../kernel/database.ts'
import { isSet, type OfApp } from './change.ts'
import { inWords } from './messages.ts'
import { nextVersion } from './rules.ts'
import { appendVersions, latestVersions, lockConfig, type ValueSource, type VersionRow } from './store.ts'
import type { Vault } from './vault.ts'

export interface FrozenConfig {
  plain: Record<string, string>
  /** Version by key. */
  secrets: Record<string, number>
}

export interface Snapshot extends FrozenConfig {
  /** Required and not set, sorted. */
  missing: string[]
}

export interface SnapshotInput extends OfApp {
  variables: Record<string, VariableSpec>
  /** Keys that the app's needs give at run time: neither missing nor part of what is frozen. */
  injected: readonly string[]
}

/**
 * Freezes the present values for a release. What the source wants generated is made up here, once, and what it
 * declares as a secret is sealed from here on. Nothing is written where something is missing and the change is dropped.
 */
export async function takeSnapshot(
  change: Change,
  { app, environment, variables, injected }: SnapshotInput,
  { vault, now }: { vault: Vault; now: Date },
): Promise<Snapshot> {
  await lockConfig(change.db, app, environment)
  const latest = await latestVersions(change.db, app, environment)
  const result: Snapshot = { plain: {}, secrets: {}, missing: [] }
  const sealed: string[] = []

  async function appendSecret(
    key: string,
    text: string,
    source: ValueSource,
    by = PLATFORM.name,
  ): Promise<number> {
    const version = nextVersion(latest.get(key))
    const row: VersionRow = {
      app,
      environment,
      key,
      version,
      kind: 'secret',
      source,
      value: null,
      by,
      at: now,
    }
    await appendVersions(change.db, [row])
    await vault.keep(change.db, { app, environment, key, version }, text)
    return version
  }

  async function ofDefault(key: string, text: string): Promise<number> {
    const row = latest.get(key)
    if (row?.kind === 'secret' && row.source === 'default') {
      const place = { app, environment, key, version: row.version }
      const [kept] = await vault.open(change.db, [place]).catch(() => [null])
      if (kept === text) return row.version
    }
    return appendSecret(key, text, 'default')
  }

  for (const [key, row] of latest) {
    if (!isSet(row) || injected.includes(key)) continue
    if (row.kind === 'secret') result.secrets[key] = row.version
    else if (!variables[key]?.secret) result.plain[key] = row.value!
    else {
      result.secrets[key] = await appendSecret(key, row.value!, row.source, row.by)
      sealed.push(key)
    }
  }
  const generated: string[] = []
  for (const [key, spec] of Object.entries(variables)) {
    if (isSet(latest.get(key)) || injected.includes(key) || key === 'PORT') continue
    if (spec.generated) {
      result.secrets[key] = await appendSecret(key, randomBytes(32).toString('base64url'), 'generated')
      generated.push(key)
    } else if (spec.default !== undefined) {
      if (spec.secret) result.secrets[key] = await ofDefault(key, spec.default)
      else result.plain[key] = spec.default
    } else if (spec.required) result.missing.push(key)
  }
  tell(change, { app, environment }, 'config.generated', 'Generated', generated)
  tell(change, { app, environment }, 'config.sealed', 'Made secret, as the source declares:', sealed)
  result.missing.sort()
  return result
}

function tell(change: Change, of: OfApp, kind: string, what: string, keys: string[]): void {
  if (keys.length === 0) return
  const message = `${what} ${inWords(keys)} of ${of.app} in ${of.environment}`
  change.event({ kind, ...of, message, facts: { keys } })
}
