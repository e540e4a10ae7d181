/** Setting and unsetting: everything is checked first, then appended in one transaction. */

import { nearest } from '../../../api/nearest.ts'
import type { Change } from '../../kernel/database.ts'
import { describeChange, refusals } from './messages.ts'
import { nextVersion, type PlannedValue, planValue, reservedReason, type Wanted } from './rules.ts'
import { appendVersions, latestVersions, lockConfig, onceSecret, type VersionRow } from './store.ts'
import type { Vault } from './vault.ts'

export interface OfApp {
  app: string
  environment: string
}

export interface Asked extends OfApp {
  set: Record<string, Wanted>
  unset: string[]
}

export interface Applied {
  changed: string[]
  /** Kept as secrets because of their name or value, though nobody said so. */
  guessedSecrets: string[]
  /** `Set REGION, unset OLD`; empty where nothing changed. */
  description: string
}

interface ChangeContext {
  vault: Vault
  now: Date
  by: string
  /** Of the app's newest release. */
  needs: readonly string[]
  declaredSecret: Set<string>
}

export async function applyChange(change: Change, asked: Asked, context: ChangeContext): Promise<Applied> {
  const { app, environment } = asked
  await lockConfig(change.db, app, environment)
  const latest = await latestVersions(change.db, app, environment)
  const planned = plan(asked, {
    latest,
    onceSecret: await onceSecret(change.db, app, environment),
    declaredSecret: context.declaredSecret,
    needs: context.needs,
  })
  const changed = await different(change, asked, planned, latest, context.vault)
  await append(change, asked, changed, latest, context)
  const keys = (kind: (value: PlannedValue) => boolean) => changed.filter(kind).map(({ key }) => key)
  const description = describeChange(
    keys(({ kind }) => kind !== 'unset'),
    keys(({ kind }) => kind === 'unset'),
  )
  if (changed.length > 0) {
    change.event({
      kind: 'config.changed',
      app,
      environment,
      message: `${description} of ${app} in ${environment}`,
      facts: { keys: keys(() => true), secrets: keys(({ kind }) => kind === 'secret') },
    })
  }
  return { changed: keys(() => true), guessedSecrets: keys(({ guessed }) => guessed), description }
}

/** Bytes; Linux starts no program with a variable of twice that. */
const LONGEST_VALUE = 65_536

function plan(
  asked: Asked,
  facts: Parameters<typeof planValue>[2] & { needs: readonly string[] },
): PlannedValue[] {
  const entries = Object.entries(asked.set)
  if (entries.length === 0 && asked.unset.length === 0) throw refusals.nothingAsked()
  const reserved = entries.flatMap(([key]) => {
    const reason = reservedReason(key, facts.needs)
    return reason ? [{ key, reason }] : []
  })
  if (reserved.length > 0) throw refusals.reserved(reserved)
  const planned = entries.map(([key, wanted]) => {
    if (asked.unset.includes(key)) throw refusals.setAndUnset(key)
    if (wanted.value.includes('\0')) throw refusals.zeroByte(key)
    const bytes = Buffer.byteLength(wanted.value)
    if (bytes > LONGEST_VALUE) throw refusals.tooLong(key, bytes, LONGEST_VALUE)
    const value = planValue(key, wanted, facts)
    if (value === 'stays-secret') throw refusals.staysSecret(key, asked)
    return value
  })
  for (const key of new Set(asked.unset)) {
    if (!isSet(facts.latest.get(key))) throw refusals.noKey(key, asked, nearest(key, setKeys(facts.latest)))
    planned.push({ key, kind: 'unset', value: null, guessed: false })
  }
  return planned
}

export function isSet(row: VersionRow | undefined): row is VersionRow {
  return row !== undefined && row.kind !== 'unset' && row.source !== 'default'
}

function setKeys(latest: Map<string, VersionRow>): string[] {
  return [...latest.values()].filter(isSet).map(({ key }) => key)
}

/** Without what is so already: the same value again makes no release. */
async function different(
  change: Change,
  of: OfApp,
  planned: PlannedValue[],
  latest: Map<string, VersionRow>,
  vault: Vault,
): Promise<PlannedValue[]> {
  const kept: PlannedValue[] = []
  for (const value of planned) {
    const row = latest.get(value.key)
    const same =
      isSet(row) &&
      row.kind === value.kind &&
      (value.kind === 'plain' ? row.value : await openOrNull(change, of, row, vault)) === value.value
    if (!same) kept.push(value)
  }
  return kept
}

/** A secret that can't be read any more counts as another value: setting it again is what mends it. */
async function openOrNull(change: Change, of: OfApp, row: VersionRow, vault: Vault): Promise<string | null> {
  const { app, environment } = of
  return vault.open(change.db, [{ app, environment, key: row.key, version: row.version }]).then(
    ([text]) => text ?? null,
    () => null,
  )
}

async function append(
  change: Change,
  { app, environment }: OfApp,
  values: PlannedValue[],
  latest: Map<string, VersionRow>,
  { vault, now, by }: ChangeContext,
): Promise<void> {
  const rows = values.map(
    (value): VersionRow => ({
      ...{ app, environment, key: value.key, version: nextVersion(latest.get(value.key)) },
      ...{ kind: value.kind, source: 'set', value: value.kind === 'plain' ? value.value : null, by, at: now },
    }),
  )
  await appendVersions(change.db, rows)
  for (const [index, row] of rows.entries()) {
    const { key, version } = row
    if (row.kind === 'secret') {
      await vault.keep(change.db, { app, environment, key, version }, values[index]!.value!)
    }
  }
}
