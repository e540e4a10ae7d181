/**
 * What of the machinery is away or takes nothing more, as everybody who asks is told it: the database, the disk, a part
 * that does not answer. Inside, such a failure stays what it is, so that whoever works on tries again.
 */
import { TowError } from '../../api/errors.ts'

/** Null where it is none of these. */
export function outageOf(error: unknown): TowError | null {
  if (typeof error !== 'object' || error === null) return null
  const { code, message, syscall, address } = error as Record<string, unknown>
  const name = typeof code === 'string' ? code : ''
  const words = typeof message === 'string' ? message : ''
  if (DISK_IS_FULL.has(name)) return diskFull(error)
  if (DISK_FAILS.has(name) || (name === NO_PRIVILEGE && /read-only file system/i.test(words)))
    return diskFails(name, error)
  if (DATABASE_AWAY.test(name) || CONNECTION_LOST.test(words)) return databaseAway(error)
  if (typeof address === 'string' && address.includes(SOCKET_OF_DATABASE)) return databaseAway(error)
  if (syscall === 'connect' || PEER_GONE.has(name)) return partAway(error)
  return null
}

/** 53100: PostgreSQL's. */
const DISK_IS_FULL = new Set(['ENOSPC', 'EDQUOT', '53100'])
/** 58030: PostgreSQL's `io_error`. For a disk that became read-only it says that it lacks the privilege. */
const DISK_FAILS = new Set(['EROFS', 'EIO', '58030'])
const NO_PRIVILEGE = '42501'
/**
 * PostgreSQL's classes 08 (the connection), 28 (it lets nobody in), 53 (out of memory, connections) and 57P (shut down,
 * crashed, starting), and a server that only reads, or does not know the database any more.
 */
const DATABASE_AWAY = /^(?:08|28|53|57P|25006$|3D000$)/
/** What the driver says of a connection that broke, or never came to be; it gives that no code. */
const CONNECTION_LOST =
  /^Connection terminated|^Client .*not queryable$|^timeout (?:expired|exceeded)|^Postgres connection has been discarded$|^Received unexpected \w+ message from backend/
const SOCKET_OF_DATABASE = '/.s.PGSQL.'
const PEER_GONE = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT'])

function databaseAway(cause: unknown): TowError {
  return new TowError('UNAVAILABLE', 'the database is not there at the moment', { hint: 'tow status', cause })
}

function partAway(cause: unknown): TowError {
  return new TowError('UNAVAILABLE', 'a part of the platform does not answer at the moment', {
    hint: 'tow status',
    cause,
  })
}

function diskFull(cause: unknown): TowError {
  return new TowError('DISK_FULL', 'no space is left on the disk that holds the platform’s data', {
    hint: 'free some space, then look at tow doctor',
    cause,
  })
}

function diskFails(code: string, cause: unknown): TowError {
  const why = code === 'EIO' || code === '58030' ? 'it fails' : 'it is read-only'
  return new TowError('UNAVAILABLE', `the disk that holds the platform’s data can’t be written: ${why}`, {
    hint: 'make it writable again; all goes on by itself, and tow doctor tells what is still wrong',
    cause,
  })
}
