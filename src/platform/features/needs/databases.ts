/** Rows say which databases there should be; the server is made to agree, again after any crash. */
import { randomBytes } from 'node:crypto'
import { TowError } from '../../../api/errors.ts'
import { PLATFORM } from '../../kernel/actor.ts'
import type { Change } from '../../kernel/database.ts'
import type { NeedsOptions, PostgresForApps } from './index.ts'
import { placeOf, refusals } from './messages.ts'
import { canEnter, drop, provision, withAdmin } from './provision.ts'
import { databaseName } from './rules.ts'
import {
  type DatabaseRow,
  deleteDatabase,
  findDatabase,
  insertDatabase,
  listDatabases,
  lockNames,
  type OfApp,
  updateDatabase,
} from './store.ts'

/** No config key looks like this one. */
const keyOf = ({ space }: Pick<OfApp, 'space'>) => (space ? `need:postgres:${space}` : 'need:postgres')

/** What an event says of it. */
const about = ({ app, environment, space }: OfApp, database: string) => ({
  ...{ app, environment },
  facts: { database, ...(space ? { space } : {}) },
})

interface Entrance {
  url: string
  password: string
}

export interface DatabasesOptions extends Pick<NeedsOptions, 'database' | 'clock' | 'config'> {
  postgresFor: NeedsOptions['postgresFor']
  /** Fills the empty database of this URL from a dump; answers with the dump's name. */
  fill(dump: string, url: string): Promise<string>
}

export function createDatabases({ database, clock, config, postgresFor, fill }: DatabasesOptions) {
  const place = ({ app, environment, space, password }: DatabaseRow) => ({
    ...{ app, environment },
    key: keyOf({ space }),
    version: password,
  })

  async function server(of: OfApp): Promise<PostgresForApps> {
    const found = await postgresFor(of.environment)
    if (found) return found
    const { message, hint } = refusals.noPostgres(of)
    throw new TowError('REFUSED', message, { hint })
  }

  async function newPassword(change: Change, of: OfApp, version: number): Promise<void> {
    const text = randomBytes(24).toString('base64url')
    const { app, environment } = of
    await config.vault.keep(change.db, { app, environment, key: keyOf(of), version }, text)
  }

  /** The row of a database that is wanted; what a removed app left behind is its own again when it comes back. */
  async function want(change: Change, of: OfApp, dump: string | null): Promise<DatabaseRow> {
    await lockNames(change.db)
    const row = await findDatabase(change.db, of)
    if (!row) return insert(change, of, dump)
    if (row.state === 'dropping') throw refusals.beingDropped(row.database)
    if (row.state === 'kept') {
      await updateDatabase(change.db, of, { state: 'used' })
      const message = `${of.app} in ${placeOf(of)} has its kept database ${row.database} again`
      change.event({ kind: 'need.returned', message, ...about(of, row.database) })
    }
    if (!(await config.vault.isLost(change.db, place(row)))) return { ...row, state: 'used' }
    const password = row.password + 1
    await newPassword(change, of, password)
    await updateDatabase(change.db, of, { password })
    const message = `Made a new password for the database ${row.database}: the key of the old one is gone`
    change.event({ kind: 'need.password-renewed', message, ...about(of, row.database) })
    return { ...row, state: 'used', password }
  }

  async function insert(change: Change, of: OfApp, dump: string | null): Promise<DatabaseRow> {
    const taken = new Set((await listDatabases(change.db)).map((row) => row.database))
    const name = databaseName(of, taken)
    const row: DatabaseRow = {
      ...{ app: of.app, environment: of.environment, space: of.space ?? '' },
      ...{ database: name, role: name, password: 1, created_at: clock.now(), state: 'used' },
      ...{ dump, filled: dump === null },
    }
    await insertDatabase(change.db, row)
    await newPassword(change, of, row.password)
    const message = `Gave ${of.app} in ${placeOf(of)} a database of its own, ${name}`
    change.event({ kind: 'need.created', message, ...about(of, name) })
    return row
  }

  async function urlOf(row: DatabaseRow, at: PostgresForApps): Promise<Entrance> {
    const [password] = await config.vault.open(database.db, [place(row)])
    return {
      url: `postgres://${row.role}:${password}@${at.hostForApps}:${at.portForApps}/${row.database}${at.parameters ?? ''}`,
      password: password!,
    }
  }

  /** One at a time for each database, whoever asks. */
  const filling = new Map<string, Promise<void>>()

  /** Its content comes from a dump: made anew before each try, so that nothing of one that broke off stays. */
  function filled(row: DatabaseRow, at: PostgresForApps, { url, password }: Entrance): Promise<void> {
    const known = filling.get(row.database)
    if (known) return known
    const work = (async () => {
      await withAdmin(at.adminUrl, async (ask) => {
        await drop(ask, row)
        await provision(ask, { ...row, password }, at.isShared)
      })
      const name = await fill(row.dump!, url)
      await database.change(PLATFORM, async (change) => {
        await updateDatabase(change.db, row, { filled: true })
        const message = `Filled the database ${row.database} of ${row.app} in ${placeOf(row)} from the dump ${name}`
        change.event({ kind: 'need.filled', message, ...about(row, row.database) })
      })
    })().finally(() => filling.delete(row.database))
    filling.set(row.database, work)
    return work
  }

  async function finishDropping(row: DatabaseRow): Promise<void> {
    const at = await server(row)
    await withAdmin(at.adminUrl, (ask) => drop(ask, row))
    await database.change(PLATFORM, async (change) => {
      const present = await findDatabase(change.db, row)
      if (present?.state !== 'dropping') return
      const { app, environment } = row
      await deleteDatabase(change.db, row)
      await config.vault.forget(change.db, { app, environment }, [keyOf(row)])
      const message = `Dropped the database ${row.database} of ${app} in ${placeOf(row)}`
      change.event({ kind: 'need.removed', message, ...about(row, row.database) })
    })
  }

  async function present(of: OfApp): Promise<DatabaseRow> {
    const row = await findDatabase(database.db, of)
    if (!row || row.state === 'dropping') throw refusals.noDatabase(of, null)
    return row
  }

  return {
    /** Its URL, after seeing that the app can enter. Safe to repeat after any crash. `dump`: of a new one. */
    async ensure(of: OfApp, dump: string | null = null): Promise<string> {
      const at = await server(of)
      const known = await findDatabase(database.db, of)
      const settled = known?.state === 'used' && !(await config.vault.isLost(database.db, place(known)))
      const row = settled ? known : await database.change(PLATFORM, (change) => want(change, of, dump))
      const entrance = await urlOf(row, at)
      const { url, password } = entrance
      try {
        if (!row.filled) await filled(row, at, entrance)
        if (!(await canEnter(url))) {
          await withAdmin(at.adminUrl, (ask) => provision(ask, { ...row, password }, at.isShared))
        }
      } catch (error) {
        if (error instanceof TowError) throw error
        throw refusals.serverAway(of, error)
      }
      return url
    },
    async url(of: OfApp): Promise<string> {
      return (await urlOf(await present(of), await server(of))).url
    },
    /** Where the server that has it listens. */
    async address(of: OfApp): Promise<{ host: string; port: number }> {
      await present(of)
      const { hostForApps: host, portForApps: port } = await server(of)
      return { host, port }
    },
    /** Drops what is marked so; the row goes last, so that a crash repeats it. */
    finishDropping,
    /** The copy in a space goes, and its database with it; nothing happens where it has none. */
    async discard(of: OfApp): Promise<void> {
      const row = await findDatabase(database.db, of)
      if (!row) return
      if (row.state !== 'dropping') {
        await database.change(PLATFORM, async (change) => {
          await updateDatabase(change.db, row, { state: 'dropping' })
          const message = `The database ${row.database} of ${row.app} in ${placeOf(row)} goes with it`
          change.event({ kind: 'need.dropping', message, ...about(row, row.database) })
        })
      }
      await finishDropping(row)
    },
  }
}
