/** What of a space differs from the environment below, in the words in which releases are compared. */
import type { ReleaseDifference } from '../../../api/releases.ts'
import { differences, NOTHING } from '../releases/index.ts'
import type { SpacesOptions } from './index.ts'
import { countsNow, defaultsOf, hasDatabase, offOf } from './rules.ts'
import { listApps, listOverrides, type OverrideRow, type SpaceAppRow, type SpaceRow } from './store.ts'

export async function planOf({ database: { db }, below }: SpacesOptions, space: SpaceRow) {
  const rows = await listApps(db, { space: space.name })
  const overrides = await listOverrides(db, space.name)
  return Promise.all(
    rows.map(async (row) => {
      const release = await below(db, row.app, row.environment)
      const own = overrides.filter(({ app }) => app === row.app)
      const found = [
        ...differences(release ?? NOTHING, withOverrides(row, own, release?.secrets ?? {})),
        ...database(row),
        ...running(row),
      ]
      return { app: row.app, below: release?.number ?? null, differences: found }
    }),
  )
}

/** The copy as it is run; its own secrets have no version that means anything to the environment. */
function withOverrides(row: SpaceAppRow, own: readonly OverrideRow[], below: Record<string, number>) {
  const plain = { ...row.plain }
  const secrets = { ...row.secrets }
  for (const [key, value] of Object.entries(defaultsOf(row.run))) {
    if (key in plain || key in secrets) continue
    if (!row.run.variables[key]?.secret) plain[key] = value
    else if (below[key] !== undefined) secrets[key] = below[key]
  }
  for (const { key, value } of own) {
    delete plain[key]
    delete secrets[key]
    plain[key] = value ?? 'a secret of its own'
  }
  return { artifact: row.artifact, origin: row.origin, run: row.run, plain, secrets }
}

function database(row: SpaceAppRow): ReleaseDifference[] {
  if (!hasDatabase(row)) return []
  const after = row.dump === null ? 'its own' : `its own, from ${row.dump}`
  return [{ kind: 'need', name: 'postgres', before: 'the environment’s', after }]
}

function running(row: SpaceAppRow): ReleaseDifference[] {
  const off = offOf(row).map(({ what, because }) => ({
    kind: 'off',
    name: what,
    before: 'runs',
    after: because,
  }))
  const counts = Object.entries(countsNow(row)).filter(([, count]) => count > 0)
  const stays = counts.length > 0 ? [] : [{ kind: 'process', name: 'all', before: 'runs', after: row.wanted }]
  return [...off, ...stays]
}
