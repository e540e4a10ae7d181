import { nearest } from '../../../api/nearest.ts'
import type { Queries, Within } from '../../kernel/database.ts'
import { isSet, type OfApp } from './change.ts'
import { refusals } from './messages.ts'
import { latestVersions } from './store.ts'

/** What is set under `key` now; NOT_FOUND, with the nearest key, where nothing is. */
export async function findSet(db: Queries | Within, of: OfApp, key: string) {
  const latest = await latestVersions(db, of.app, of.environment)
  const row = latest.get(key)
  if (isSet(row)) return row
  const keys = [...latest.values()].filter(isSet).map((known) => known.key)
  throw refusals.noKey(key, of, nearest(key, keys))
}
