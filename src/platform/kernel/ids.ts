import { randomBytes } from 'node:crypto'

const ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789'

/** `r_` + 16 random characters (80 bits) that nobody confuses when reading them aloud. */
export function newId(prefix: string): string {
  let id = `${prefix}_`
  for (const byte of randomBytes(16)) id += ALPHABET[byte & 31]
  return id
}
