/** Config that a space has for itself: over the environment's, and gone with the space. */
import type { RunSpec } from '../../../api/app-spec.ts'
import type { ConfigEntry } from '../../../api/config.ts'
import { ConfigKey } from '../../../api/names.ts'
import { PLATFORM } from '../../kernel/actor.ts'
import type { Change, Queries } from '../../kernel/database.ts'
import { describeConfig, looksSecret, reservedReason } from '../config/index.ts'
import type { SpacesOptions } from './index.ts'
import { refusals, said } from './messages.ts'
import {
  deleteOverride,
  findApp,
  listOverrides,
  type OverrideRow,
  putOverride,
  type SpaceRow,
} from './store.ts'
import { placeOf } from './tokens.ts'

export interface Overrides {
  options: Pick<SpacesOptions, 'clock' | 'vault' | 'present'>
  space: SpaceRow
  app: string
  set: Record<string, { value: string; secret?: boolean | undefined }>
  unset: readonly string[]
  by: string
  /** What is about to run; default: what does. */
  run?: RunSpec
  /** It goes with the file that says it. */
  fromFile?: boolean
}

const keyOf = (app: string, key: string) => `config:${app}:${key}`

/** Answers with what changed; nothing of it is said anywhere but its keys. */
export async function applyOverrides(change: Change, asked: Overrides) {
  const { options, space, app, by } = asked
  const { environment } = space
  const run = asked.run ?? (await findApp(change.db, space.name, app))?.run
  const before = new Map((await listOverrides(change.db, space.name, app)).map((one) => [one.key, one]))
  const secretBelow = new Set(Object.keys((await options.present(change.db, { app, environment })).secrets))
  const declared = (key: string) => run?.variables[key]?.secret === true
  const changed: string[] = []
  const guessedSecrets: string[] = []

  for (const [key, { value, secret }] of Object.entries(asked.set)) {
    const reason = reservedReason(key, run?.needs ?? [])
    if (reason) throw refusals.reserved(key, reason)
    if (value.includes('\0')) throw refusals.zeroByte(key)
    const must = secretBelow.has(key) || declared(key)
    if (must && secret === false) throw refusals.staysSecret(key, environment)
    const guessed = secret === undefined && !must && looksSecret(key, value)
    const isSecret = secret === true || must || guessed
    const known = before.get(key)
    const isTheirs = known?.from_file === (asked.fromFile === true)
    if (known && isTheirs && (await isSame(change, asked, known, isSecret, value))) continue
    const version = (known?.version ?? 0) + 1
    await options.vault.forget(change.db, { app: '', environment }, [placeOf(space, keyOf(app, key)).key])
    if (isSecret) await options.vault.keep(change.db, placeOf(space, keyOf(app, key), version), value)
    await putOverride(change.db, {
      ...{ space: space.name, app, key, version, by, at: options.clock.now() },
      ...{ value: isSecret ? null : value, from_file: asked.fromFile === true },
    })
    changed.push(key)
    if (guessed) guessedSecrets.push(key)
  }
  for (const key of asked.unset) {
    const known = before.get(key)
    if (!known) throw refusals.notSet(key, { app, space: space.name })
    await deleteOverride(change.db, known)
    await options.vault.forget(change.db, { app: '', environment }, [placeOf(space, keyOf(app, key)).key])
    changed.push(key)
  }
  if (changed.length > 0) {
    const set = changed.filter((key) => key in asked.set)
    const description = describeConfig(
      set,
      changed.filter((key) => !set.includes(key)),
    )
    change.event({
      kind: 'space.configured',
      ...{ app, environment },
      message: said.configured(description, { app, space: space.name }),
      facts: { space: space.name, keys: changed },
    })
  }
  return { changed, guessedSecrets }
}

/**
 * What the file of the working copy says now, in place of what it said before. Left alone is what somebody has set for the
 * space, and what only the platform can know: a laptop's `PORT`, or the address of its database, would break the app here.
 */
export async function applyFile(
  change: Change,
  asked: Omit<Overrides, 'set' | 'unset' | 'fromFile'> & { values: Record<string, string> },
) {
  const { space, app, values } = asked
  const run = asked.run ?? (await findApp(change.db, space.name, app))?.run
  const before = await listOverrides(change.db, space.name, app)
  const isSet = (key: string) =>
    before.some((one) => one.key === key && !one.from_file && one.by !== PLATFORM.name)
  const mayBe = (key: string) =>
    ConfigKey.safeParse(key).success && !reservedReason(key, run?.needs ?? []) && !isSet(key)
  const taken = Object.entries(values).filter(([key]) => mayBe(key))
  return applyOverrides(change, {
    ...{ ...asked, fromFile: true },
    set: Object.fromEntries(taken.map(([key, value]) => [key, { value, secret: true }])),
    unset: before
      .filter(({ key, from_file }) => from_file && !taken.some(([one]) => one === key))
      .map(({ key }) => key),
  })
}

/** Before it is known what the app needs, its file may say what needs give: that goes when it is put in place. */
export async function dropGiven(change: Change, asked: Omit<Overrides, 'set' | 'unset'> & { run: RunSpec }) {
  const rows = await listOverrides(change.db, asked.space.name, asked.app)
  const given = rows.filter(({ key, from_file }) => from_file && reservedReason(key, asked.run.needs))
  await applyOverrides(change, { ...asked, set: {}, unset: given.map(({ key }) => key) })
}

/** A secret that can't be read any more counts as another value. */
async function isSame(
  change: Change,
  { options, space, app }: Overrides,
  known: OverrideRow,
  isSecret: boolean,
  value: string,
): Promise<boolean> {
  if ((known.value === null) !== isSecret) return false
  if (known.value !== null) return known.value === value
  const place = placeOf(space, keyOf(app, known.key), known.version)
  const [text] = await options.vault.open(change.db, [place]).catch(() => [null])
  return text === value
}

export async function entriesOf(db: Queries, space: string, app: string): Promise<ConfigEntry[]> {
  return (await listOverrides(db, space, app)).map(({ key, value, version, from_file, by, at }) => ({
    ...{
      key,
      secret: value === null,
      value,
      version,
      source: sourceOf({ from_file, by }),
      by,
      at: at.toISOString(),
    },
  }))
}

function sourceOf({ from_file, by }: Pick<OverrideRow, 'from_file' | 'by'>): ConfigEntry['source'] {
  if (from_file) return 'file'
  return by === PLATFORM.name ? 'generated' : 'set'
}

/** Where every secret of a space's config is. */
export async function placesOf(db: Queries | Change['db'], space: SpaceRow): Promise<string[]> {
  const rows = await listOverrides(db, space.name)
  return rows.map(({ app, key }) => placeOf(space, keyOf(app, key)).key)
}

/** Of what a space has for an app now. */
export async function versionsOf(
  db: Queries | Change['db'],
  space: string,
  app: string,
): Promise<Record<string, number>> {
  const rows = await listOverrides(db, space, app)
  return Object.fromEntries(rows.map(({ key, version }) => [key, version]))
}
