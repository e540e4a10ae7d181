/** A server that is started when it is first needed, and from then on whenever the platform starts. */
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { stablePort } from './port.ts'
import { type Postgres, type PostgresOptions, startPostgres } from './postgres.ts'

export interface PostgresOnDemand {
  /** Started or adopted, with a port on 127.0.0.1 that stays the same. */
  get(): Promise<Postgres & { port: number }>
  /** Brings back a server that was needed before, e.g. after a reboot; null where there never was one. */
  resume(): Promise<Postgres | null>
  /** The server, where this process has started or adopted it. */
  started(): Promise<Postgres | null>
}

export function postgresOnDemand(options: Omit<PostgresOptions, 'tcpPort'>): PostgresOnDemand {
  let starting: Promise<Postgres & { port: number }> | null = null

  async function start() {
    const port = await stablePort(options.folder)
    return { ...(await startPostgres({ ...options, tcpPort: port })), port }
  }

  function get() {
    // One start for all who ask at once; one that failed is tried again by the next.
    starting ??= start().catch((error) => {
      starting = null
      throw error
    })
    return starting
  }

  return {
    get,
    async resume() {
      const made = await access(join(options.folder, 'data')).then(
        () => true,
        () => false,
      )
      return made ? get() : null
    },
    started: async () => starting,
  }
}
