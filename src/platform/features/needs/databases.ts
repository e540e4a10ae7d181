/** Rows say which databases there should be; the server is made to agree, again after any crash. */
import { randomBytes } from 'node:crypto'
import { TowError } from '../../../api/errors.ts'
import { PLATFORM } from '../../kernel/actor.ts'
import type { Change } from '../../kernel/database.ts'
import type { NeedsOptions, PostgresForApps } from './index.ts'
import { refusals } from './messages.ts'
import { canEnter, drop, provision, withAdmin } from './provision.ts'
import { databaseName } from './rules.ts'
import {
  type DatabaseRow,
  deleteDatabase,
  findDatabase,
  insertDatabase,
  listDatabases,
  lockNames,
  updateDatabase,
} from './store.ts'

/** No config key looks like this one. */
const PASSWORD = 'need:postgres'

interface OfApp {
  app: string
  environment: string
}

export function createDatabases({ database, clock, config, postgresFor }: NeedsOptions) {
  const place = ({ app, environment, password }: DatabaseRow) => ({
    app,
    environment,
    key: PASSWORD,
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
    await config.vault.keep(change.db, { ...of, key: PASSWORD, version }, text)
  }

  /** The row of a database that is wanted; what a removed app left behind is its own again when it comes back. */
  async function want(change: Change, { app, environment }: OfApp): Promise<DatabaseRow> {
    await lockNames(change.db)
    const of = { app, environment }
    const row = await findDatabase(change.db, of)
    if (!row) return insert(change, of)
    if (row.state === 'dropping') throw refusals.beingDropped(row.database)
    if (row.state === 'kept') {
      await updateDatabase(change.db, of, { state: 'used' })
      const message = `${app} in ${environment} has its kept database ${row.database} again`
      change.event({ kind: 'need.returned', ...of, message, facts: { database: row.database } })
    }
    if (!(await config.vault.isLost(change.db, place(row)))) return { ...row, state: 'used' }
    const password = row.password + 1
    await newPassword(change, of, password)
    await updateDatabase(change.db, of, { password })
    const message = `Made a new password for the database ${row.database}: the key of the old one is gone`
    change.event({ kind: 'need.password-renewed', ...of, message, facts: { database: row.database } })
    return { ...row, state: 'used', password }
  }

  async function insert(change: Change, of: OfApp): Promise<DatabaseRow> {
    const taken = new Set((await listDatabases(change.db)).map((row) => row.database))
    const name = databaseName(of.app, of.environment, taken)
    const row: DatabaseRow = {
      ...of,
      ...{ database: name, role: name, password: 1, created_at: clock.now(), state: 'used' },
    }
    await insertDatabase(change.db, row)
    await newPassword(change, of, row.password)
    const message = `Gave ${of.app} in ${of.environment} a database of its own, ${name}`
    change.event({ kind: 'need.created', ...of, message, facts: { database: name } })
    return row
  }

  async function urlOf(row: DatabaseRow, at: PostgresForApps): Promise<{ url: string; password: string }> {
    const [password] = await config.vault.open(database.db, [place(row)])
    return {
      url: `postgres://${row.role}:${password}@${at.hostForApps}:${at.portForApps}/${row.database}${at.parameters ?? ''}`,
      password: password!,
    }
  }

  async function present(of: OfApp): Promise<DatabaseRow> {
    const row = await findDatabase(database.db, of)
    if (!row || row.state === 'dropping') throw refusals.noDatabase(of, null)
    return row
  }

  return {
    /** Its URL, after seeing that the app can enter. Safe to repeat after any crash. */
    async ensure(of: OfApp): Promise<string> {
      const at = await server(of)
      const known = await findDatabase(database.db, of)
      const settled = known?.state === 'used' && !(await config.vault.isLost(database.db, place(known)))
      const row = settled ? known : await database.change(PLATFORM, (change) => want(change, of))
      const { url, password } = await urlOf(row, at)
      try {
        if (!(await canEnter(url))) {
          await withAdmin(at.adminUrl, (ask) => provision(ask, { ...row, password }, at.isShared))
        }
      } catch (error) {
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
    async finishDropping(row: DatabaseRow): Promise<void> {
      const at = await server(row)
      await withAdmin(at.adminUrl, (ask) => drop(ask, row))
      await database.change(PLATFORM, async (change) => {
        const present = await findDatabase(change.db, row)
        if (present?.state !== 'dropping') return
        const { app, environment } = row
        await deleteDatabase(change.db, row)
        await config.vault.forget(change.db, { app, environment }, [PASSWORD])
        const message = `Dropped the database ${row.database} of ${app} in ${environment}`
        change.event({ kind: 'need.removed', app, environment, message, facts: { database: row.database } })
      })
    },
  }
}
