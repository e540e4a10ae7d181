/** Bytes against the digest that names them. */
import { createHash, hash } from 'node:crypto'
import { refusals } from './messages.ts'

export const digestOf = (bytes: Uint8Array | string) => `sha256:${hash('sha256', bytes)}`

/** Passes the bytes on and fails at their end where they are not what was named. */
export async function* verified(
  content: AsyncIterable<Uint8Array>,
  expected: string,
  refuse: (expected: string, found: string) => Error,
): AsyncGenerator<Uint8Array> {
  const sum = createHash('sha256')
  for await (const chunk of content) {
    sum.update(chunk)
    yield chunk
  }
  const found = `sha256:${sum.digest('hex')}`
  if (found !== expected) throw refuse(expected, found)
}

/** A whole body, bounded: a registry decides what it sends, and memory is ours. */
export async function readBounded(response: Response, most: number, what: string): Promise<Buffer> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += part.length
    if (size > most) throw refusals.tooLarge(what, most / 1024 ** 2)
    parts.push(part)
  }
  return Buffer.concat(parts)
}
