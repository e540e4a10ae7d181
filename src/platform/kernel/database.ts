/**
 * PostgreSQL, and the one way to change it: a transaction that writes state and its events together. Features bring
 * their own tables; this file knows only the timeline, replayed answers and migrations' record.
 */
import { Kysely, PostgresDialect, sql, type Transaction } from 'kysely'
import pg from 'pg'
import type { Actor } from './actor.ts'

export interface KernelTables {
  events: {
    position: number
    at: Date
    kind: string
    by: string
    app: string | null
    environment: string | null
    release: number | null
    message: string
    facts: unknown
  }
  idempotency: {
    key: string
    principal: string
    operation: string
    request: string
    answer: unknown
    at: Date
  }
  migrations: { name: string; applied_at: Date }
}

export type Queries = Kysely<KernelTables>
export type Within = Transaction<KernelTables>

export interface NewEvent {
  kind: string
  app?: string
  environment?: string
  release?: number
  message: string
  facts?: Record<string, unknown>
}

/** An open change. Reads and writes go through `db`; what is noted here is committed with it or not at all. */
export interface Change {
  db: Within
  event(event: NewEvent): void
  /** Wakes whoever waits on the topic, once the change is committed. */
  wake(topic: string): void
}

export interface Database {
  /** For reading. Features see their tables through `db.withTables<TheirTables>()`. */
  db: Queries
  /**
   * One transaction: state, events, and, where the actor carries an idempotency key, the answer for a repeated call.
   * `work` may run again after a serialization failure, so it must have no effect outside the database.
   */
  change<T>(actor: Actor, work: (change: Change) => Promise<T>): Promise<T>
  /** Calls back after every wake of the topic, and after every reconnection (something may have been missed). */
  listen(topic: string, wake: () => void): () => void
  close(): Promise<void>
}

/** The key of the advisory lock that puts events into commit order: held from the insert to the commit. */
const EVENTS_LOCK = 0x70_61_74_68

export interface DatabaseOptions {
  connection: pg.PoolConfig
  now?: () => Date
  /** Told of connections that broke; the pool heals itself. */
  onError?: (error: Error) => void
}

export function openDatabase({
  connection,
  now = () => new Date(),
  onError = () => {},
}: DatabaseOptions): Database {
  const pool = new pg.Pool({ max: 10, ...connection, types: { getTypeParser } })
  pool.on('error', onError)
  // The pool listens to connections that rest. One that breaks while it is lent out tells whoever uses it, by failing
  // what is asked next; without a listener of its own it would end the process.
  pool.on('connect', (client) => client.on('error', () => {}))
  const db = new Kysely<KernelTables>({ dialect: new PostgresDialect({ pool }) })
  const topics = listenTo(connection, onError)

  async function attempt<T>(actor: Actor, work: (change: Change) => Promise<T>): Promise<T> {
    return db.transaction().execute(async (transaction) => {
      const events: NewEvent[] = []
      const wakes = new Set<string>()
      const result = await work({
        db: transaction,
        event: (event) => events.push(event),
        wake: (topic) => wakes.add(topic),
      })
      if (actor.once) {
        await transaction
          .insertInto('idempotency')
          .values({
            key: actor.once.key,
            principal: actor.name,
            operation: actor.once.operation,
            request: actor.once.request,
            answer: JSON.stringify(result ?? null),
            at: now(),
          })
          .execute()
      }
      for (const topic of wakes) await sql`select pg_notify('tow', ${topic})`.execute(transaction)
      if (events.length > 0) await appendEvents(transaction, actor, events, now())
      return result
    })
  }

  return {
    db,
    async change(actor, work) {
      for (let tries = 1; ; tries += 1) {
        try {
          return await attempt(actor, work)
        } catch (error) {
          if (tries >= 5 || !isTransient(error)) throw error
        }
      }
    },
    listen: topics.listen,
    async close() {
      await topics.close()
      await db.destroy()
    },
  }
}

/**
 * Appends last, under a lock that is kept until the commit: whoever gets a later position commits later, so a reader
 * that goes on from the last position it saw never skips one. Last also means that no row is locked after this lock.
 */
async function appendEvents(transaction: Within, actor: Actor, events: NewEvent[], at: Date): Promise<void> {
  await sql`select pg_advisory_xact_lock(${EVENTS_LOCK})`.execute(transaction)
  await sql`select pg_notify('tow', 'events')`.execute(transaction)
  await transaction
    .insertInto('events')
    .values(
      events.map((event) => ({
        position: sql<number>`nextval('event_positions')`,
        at,
        kind: event.kind,
        by: actor.name,
        app: event.app ?? null,
        environment: event.environment ?? null,
        release: event.release ?? null,
        message: event.message,
        facts: JSON.stringify(event.facts ?? {}),
      })),
    )
    .execute()
}

/** Serialization failure and deadlock: the transaction did nothing and may be tried again. */
function isTransient(error: unknown): boolean {
  const code = (error as { code?: string }).code
  return code === '40001' || code === '40P01'
}

/** bigint columns count things far below 2^53; everything else as pg parses it. */
function getTypeParser(oid: number, format?: string) {
  if (oid === pg.types.builtins.INT8) return (text: string) => Number(text)
  return pg.types.getTypeParser(oid, format as never)
}

/** One connection of its own for LISTEN; it reconnects for ever, and every reconnection counts as a wake. */
function listenTo(connection: pg.PoolConfig, onError: (error: Error) => void) {
  const waiting = new Map<string, Set<() => void>>()
  let client: pg.Client | null = null
  let closed = false
  let retry: NodeJS.Timeout | null = null

  function wake(topic: string) {
    for (const callback of waiting.get(topic) ?? []) callback()
  }

  async function connect(): Promise<void> {
    if (closed || client) return
    const candidate = new pg.Client(connection as pg.ClientConfig)
    client = candidate
    const lost = (error?: Error) => {
      if (client !== candidate) return
      client = null
      if (error) onError(error)
      candidate.end().catch(() => {})
      if (!closed) retry = setTimeout(connect, 250)
    }
    candidate.on('error', lost)
    candidate.on('end', () => lost())
    candidate.on('notification', (message) => wake(message.payload ?? ''))
    try {
      await candidate.connect()
      await candidate.query('listen tow')
      for (const topic of waiting.keys()) wake(topic)
    } catch (error) {
      lost(error as Error)
    }
  }

  return {
    listen(topic: string, callback: () => void) {
      const callbacks = waiting.get(topic) ?? new Set()
      waiting.set(topic, callbacks.add(callback))
      void connect()
      return () => void callbacks.delete(callback)
    },
    async close() {
      closed = true
      if (retry) clearTimeout(retry)
      const open = client
      client = null
      await open?.end().catch(() => {})
    },
  }
}
