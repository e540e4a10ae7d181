/** PostgreSQL servers that somebody named for an environment: its address is sealed, because it holds a password. */
import type { Check } from '../../../engines/engine.ts'
import type { Change } from '../../kernel/database.ts'
import type { NeedsOptions, PostgresForApps } from './index.ts'
import { refusals } from './messages.ts'
import { withAdmin } from './provision.ts'
import { deleteServer, findServer, insertServer } from './store.ts'

/** No config key looks like this one. */
const SERVER = 'need:server'
const DEFAULT_PORT = 5432

export function createServers({ database, clock, config, postgresFor }: NeedsOptions) {
  const place = (environment: string) => ({ app: '', environment, key: SERVER, version: 1 })

  return {
    async add(change: Change, environment: string, url: string): Promise<void> {
      const { host } = readUrl(url)
      await insertServer(change.db, { environment, host, created_at: clock.now() })
      await config.vault.keep(change.db, place(environment), url)
      const message = `Apps in ${environment} get databases from the PostgreSQL at ${host}`
      change.event({ kind: 'need.server-added', environment, message, facts: { host } })
    },
    async forget(change: Change, environment: string): Promise<void> {
      await deleteServer(change.db, environment)
      await config.vault.forget(change.db, { app: '', environment }, [SERVER])
    },
    /** The one that was named, else that which runs beside the platform; null where there is none. */
    async of(environment: string): Promise<PostgresForApps | null> {
      if (!(await findServer(database.db, environment))) return postgresFor(environment)
      const [url] = await config.vault.open(database.db, [place(environment)])
      return asServer(url!)
    },
    /** Whether databases can be made there by whom the address names. */
    async check(url: string): Promise<Check> {
      const name = 'postgres'
      const { host } = readUrl(url)
      try {
        const may =
          'select from pg_roles where rolname = current_user and (rolsuper or (rolcreatedb and rolcreaterole))'
        const { rowCount } = await withAdmin(url, (ask) => ask(may))
        if (rowCount)
          return { name, ok: true, message: `the PostgreSQL at ${host} gives apps their databases` }
        const message = `who the address names may not make databases and roles in the PostgreSQL at ${host}`
        return { name, ok: false, message, mend: 'alter role ... createdb createrole, or name another one' }
      } catch (error) {
        const message = `the PostgreSQL at ${host} does not let us in: ${(error as Error).message}`
        return { name, ok: false, message, mend: 'mend the address: postgres://user:password@host:5432' }
      }
    },
  }
}

function asServer(url: string): PostgresForApps {
  const { hostname, port, search } = new URL(url)
  return {
    adminUrl: url,
    hostForApps: hostname,
    portForApps: port === '' ? DEFAULT_PORT : Number(port),
    parameters: search,
    isShared: true,
  }
}

/** `host` as it may be shown. */
function readUrl(url: string): { host: string } {
  const read = URL.canParse(url) ? new URL(url) : null
  if (!read || !/^postgres(ql)?:$/.test(read.protocol) || read.hostname === '' || read.username === '')
    throw refusals.badServer()
  if (/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(read.hostname))
    throw refusals.serverOnLoopback(read.hostname)
  return { host: read.host }
}
