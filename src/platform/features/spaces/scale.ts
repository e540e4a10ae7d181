/** How many processes of a copy run, set by hand: it wins over what was asked for at delivery until somebody clears it. */
import type { Change } from '../../kernel/database.ts'
import type { Changes } from './changes.ts'
import { refusals, said } from './messages.ts'
import { turn } from './meter.ts'
import { countsNow, countsOf } from './rules.ts'
import { lockApps, updateApp } from './store.ts'

export interface ScaleCopy {
  space: string
  app: string
  /** Null: what was asked for at delivery. */
  counts: Record<string, number | null>
  reason?: string | undefined
  by: string
}

/** Counts before and after, for the processes that were named. */
export function createScale({ changes, now }: { changes: Pick<Changes, 'open'>; now: () => number }) {
  return async function scale(change: Change, { space: name, app, counts, reason, by }: ScaleCopy) {
    await changes.open(change, name)
    const rows = (await lockApps(change.db, { space: name })).filter(({ wanted }) => wanted !== 'removing')
    const row = rows.find((one) => one.app === app)
    if (!row)
      throw refusals.noApp(
        name,
        app,
        rows.map((one) => one.app),
      )
    const known = Object.keys(row.run.processes)
    const scaled = { ...row.scaled }
    const at = new Date(now()).toISOString()
    for (const [process, count] of Object.entries(counts)) {
      if (!known.includes(process)) throw refusals.notScalable(app, process, known)
      if (count === null) delete scaled[process]
      else scaled[process] = { count, by, at, reason: reason ?? null }
    }
    const after = countsOf({ ...row, scaled })
    const isWritten = await updateApp(change.db, row, {
      ...{ scaled, counts: after, generation: row.generation + (row.wanted === 'stopped' ? 0 : 1) },
      meter: turn(row.meter, now(), row.run, countsNow({ counts: after, wanted: row.wanted })),
    })
    if (!isWritten) throw new Error('it was locked')
    change.wake('spaces')
    const told = Object.fromEntries(
      Object.keys(counts).map((one) => [one, { before: row.counts[one] ?? 0, after: after[one] ?? 0 }]),
    )
    change.event({
      kind: 'process.scaled',
      ...{ app, environment: row.environment },
      message: said.scaled(row, told, reason ?? null),
      facts: { space: name, counts, reason: reason ?? null },
    })
    return told
  }
}
