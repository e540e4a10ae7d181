/**
 * A stream sealed under a passphrase: a line in the clear that says how, then pieces of AES-256-GCM. Each piece is bound
 * to its place, and the last one says that it is the last, so nothing can be changed, moved, left out or cut off unseen.
 */
import { createCipheriv, createDecipheriv, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import * as z from 'zod'
import { refusals } from './messages.ts'

/** Raised when an older version could not read what is written. */
const FORMAT = 1
const PIECE = 256 * 1024
const TAG = 16
const LONGEST_HEADER = 1024
/** scrypt's N as a power of two: about half a second and 128 MB for each guess. */
const COST = 17
const MOST_COST = 20

const Header = z.object({
  towpathBackup: z.int(),
  madeBy: z.string(),
  madeAt: z.string(),
  salt: z.base64(),
  cost: z.int().min(1).max(MOST_COST),
  /** Tells a wrong passphrase from a damaged file. */
  check: z.base64(),
})

export interface Made {
  /** Version of Towpath. */
  madeBy: string
  /** ISO 8601. */
  madeAt: string
}

export async function* sealStream(
  plain: AsyncIterable<Uint8Array>,
  passphrase: string,
  made: Made,
  /** Lower only where a passphrase protects nothing: in tests. */
  cost = COST,
): AsyncGenerator<Buffer> {
  const salt = randomBytes(32)
  const { key, check } = await derive(passphrase, salt, cost)
  const header = Buffer.from(
    `${JSON.stringify({
      towpathBackup: FORMAT,
      ...made,
      salt: salt.toString('base64'),
      cost,
      check: check.toString('base64'),
    })}\n`,
  )
  yield header
  let count = 0
  for await (const { bytes, isLast } of piecesOf(plain, PIECE)) {
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf(count++, isLast))
    cipher.setAAD(header)
    yield Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()])
  }
}

/** `name` is what the sentences call the file; `version` is that of whoever reads. */
export async function* openStream(
  sealed: AsyncIterable<Uint8Array>,
  passphrase: string,
  { name, version }: { name: string; version: string },
): AsyncGenerator<Buffer> {
  const { line, rest } = await splitHeader(sealed, name)
  const header = readHeader(line, name, version)
  const { key, check } = await derive(passphrase, Buffer.from(header.salt, 'base64'), header.cost)
  const expected = Buffer.from(header.check, 'base64')
  if (expected.length !== check.length || !timingSafeEqual(expected, check))
    throw refusals.wrongPassphrase(name)
  let count = 0
  let at = line.length
  for await (const { bytes, isLast } of piecesOf(rest, PIECE + TAG)) {
    const plain = openPiece(key, nonceOf(count++, isLast), line, bytes)
    if (!plain) throw isLast ? refusals.cutOff(name, at + bytes.length) : refusals.damaged(name, at)
    at += bytes.length
    yield plain
  }
}

function openPiece(key: Buffer, nonce: Buffer, header: Buffer, bytes: Buffer): Buffer | null {
  if (bytes.length < TAG) return null
  const decipher = createDecipheriv('aes-256-gcm', key, nonce)
  decipher.setAAD(header)
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG))
  try {
    return Buffer.concat([decipher.update(bytes.subarray(0, bytes.length - TAG)), decipher.final()])
  } catch {
    return null
  }
}

/** Never used twice: the key belongs to one file. */
function nonceOf(count: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeBigUInt64BE(BigInt(count))
  nonce[11] = isLast ? 1 : 0
  return nonce
}

function derive(passphrase: string, salt: Buffer, cost: number): Promise<{ key: Buffer; check: Buffer }> {
  const N = 2 ** cost
  // The same keys on the keyboard may come as other code points on another system.
  const text = passphrase.normalize('NFC')
  return new Promise((resolve, reject) => {
    scrypt(text, salt, 64, { N, r: 8, p: 1, maxmem: 256 * 8 * N }, (error, made) => {
      if (error) reject(error)
      else resolve({ key: made.subarray(0, 32), check: made.subarray(32, 48) })
    })
  })
}

function readHeader(line: Buffer, name: string, version: string): z.infer<typeof Header> {
  let value: unknown
  try {
    value = JSON.parse(line.toString())
  } catch {
    throw refusals.noBackup(name)
  }
  const { towpathBackup: format, madeBy } = (value ?? {}) as Record<string, unknown>
  if (typeof format !== 'number') throw refusals.noBackup(name)
  if (format > FORMAT) throw refusals.newer(name, String(madeBy).slice(0, 20), version)
  const parsed = Header.safeParse(value)
  if (!parsed.success) throw refusals.noBackup(name)
  return parsed.data
}

async function splitHeader(source: AsyncIterable<Uint8Array>, name: string) {
  const iterator = source[Symbol.asyncIterator]()
  let start = Buffer.alloc(0)
  let end = -1
  while (end < 0) {
    const next = await iterator.next()
    if (next.done || start.length > LONGEST_HEADER) {
      await iterator.return?.()
      throw refusals.noBackup(name)
    }
    start = Buffer.concat([start, next.value])
    end = start.indexOf(10)
  }
  async function* rest() {
    yield start.subarray(end + 1)
    yield* { [Symbol.asyncIterator]: () => iterator }
  }
  return { line: start.subarray(0, end + 1), rest: rest() }
}

/** Pieces of one size; only the last may be shorter, and there is always a last one. */
async function* piecesOf(
  source: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<{ bytes: Buffer; isLast: boolean }> {
  let waiting: Uint8Array[] = []
  let length = 0
  for await (const chunk of source) {
    let rest = chunk
    // Only when more follows is a full piece known not to be the last.
    while (length + rest.length > size) {
      const part = rest.subarray(0, size - length)
      rest = rest.subarray(part.length)
      yield { bytes: Buffer.concat([...waiting, part]), isLast: false }
      waiting = []
      length = 0
    }
    if (rest.length === 0) continue
    waiting.push(rest)
    length += rest.length
  }
  yield { bytes: Buffer.concat(waiting), isLast: true }
}
