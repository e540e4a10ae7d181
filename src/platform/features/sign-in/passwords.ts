/** Passwords as scrypt keeps them, each with the parameters it was made with, so that those can grow. */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { refusals } from './messages.ts'

export interface Cost {
  N: number
  r: number
  p: number
}

/** 32 MiB, and some tenths of a second; what OWASP asks for. */
export const COST: Cost = { N: 2 ** 15, r: 8, p: 3 }
const KEY_BYTES = 32
/** More at once would only fill memory and the threads that files are read with. */
const AT_ONCE = 2
const WAITING = 32

export interface Passwords {
  hash(password: string): Promise<string>
  /** Takes as long where there is no hash, so that nobody learns who has a password. */
  matches(password: string, hash: string | null): Promise<boolean>
}

export function createPasswords(cost: Cost = COST): Passwords {
  const take = createTurns()
  /** Nobody's password. */
  const none = write(cost, randomBytes(16), randomBytes(KEY_BYTES))

  const derive = (password: string, salt: Buffer, { N, r, p }: Cost) =>
    take(
      () =>
        new Promise<Buffer>((resolve, reject) =>
          scrypt(
            // However a keyboard composes it: the same letters are the same password.
            password.normalize('NFKC'),
            salt,
            KEY_BYTES,
            { N, r, p, maxmem: 256 * N * r },
            (error, key) => (error ? reject(error) : resolve(key)),
          ),
        ),
    )

  return {
    async hash(password) {
      const salt = randomBytes(16)
      return write(cost, salt, await derive(password, salt, cost))
    },
    async matches(password, hash) {
      const kept = read(hash ?? none)
      const isSame = timingSafeEqual(await derive(password, kept.salt, kept.cost), kept.key)
      return isSame && hash !== null
    },
  }
}

function write({ N, r, p }: Cost, salt: Buffer, key: Buffer): string {
  return ['scrypt', N, r, p, salt.toString('base64url'), key.toString('base64url')].join('$')
}

function read(hash: string) {
  const [scheme, N, r, p, salt, key] = hash.split('$')
  if (scheme !== 'scrypt' || !salt || !key) throw new Error('a password is kept in a way that is not known')
  return {
    cost: { N: Number(N), r: Number(r), p: Number(p) },
    salt: Buffer.from(salt, 'base64url'),
    key: Buffer.from(key, 'base64url'),
  }
}

/** A few at a time; whoever finds too many waiting is told to come again. */
function createTurns() {
  const waiting: (() => void)[] = []
  let running = 0
  return async function take<T>(work: () => Promise<T>): Promise<T> {
    if (running >= AT_ONCE) {
      if (waiting.length >= WAITING) throw refusals.busy()
      await new Promise<void>((go) => waiting.push(go))
    } else running += 1
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running -= 1
    }
  }
}
