/** AES-256-GCM. What is sealed is bound to its place: a row that was moved or swapped does not open. */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'

/** Where a secret belongs. `key` is a config key, or another feature's name for it, e.g. `need:postgres`. */
export interface Place {
  app: string
  environment: string
  key: string
  version: number
}

const NONCE_BYTES = 12
const TAG_BYTES = 16
export const KEY_BYTES = 32

/** Nonce, tag and ciphertext in one. */
export function seal(key: Buffer, place: Place, text: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  cipher.setAAD(boundTo(place))
  const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), body])
}

/** Null when it was sealed with another key or for another place, or has been changed. */
export function unseal(key: Buffer, place: Place, sealed: Buffer): string | null {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return null
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  })
  decipher.setAAD(boundTo(place))
  decipher.setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
  try {
    const body = decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES))
    return Buffer.concat([body, decipher.final()]).toString('utf8')
  } catch {
    return null
  }
}

/** Tells two keys apart without telling anything about them. */
export function fingerprint(key: Buffer): string {
  return createHash('sha256').update('towpath key\0').update(key).digest('hex').slice(0, 32)
}

function boundTo({ app, environment, key, version }: Place): Buffer {
  return Buffer.from(JSON.stringify([app, environment, key, version]))
}
