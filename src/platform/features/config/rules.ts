/** Pure decisions: what is a secret, what may be set, what a change comes to. */
import type { VersionRow } from './store.ts'

const SECRET_WORDS =
  /(?:^|_)(?:PASSWORDS?|PASSWD|PASS|PWD|PASSPHRASE|TOKENS?|SECRETS?|KEYS?|APIKEY|PRIVATE|CREDENTIALS?|SALT|DSN)(?:_|$)/i
const PUBLIC_WORDS = /(?:^|_)(?:PUBLIC|PUBLISHABLE)(?:_|$)/i
const URL_WITH_PASSWORD = /^[a-z][a-z0-9+.-]*:\/\/[^/?#\s]*:[^/?#\s@]+@/i

/** Nobody said whether it is a secret, but its name does. In doubt it is one. */
export function nameLooksSecret(key: string): boolean {
  return SECRET_WORDS.test(key) && !PUBLIC_WORDS.test(key)
}

/** An address with a password in it, or a private key. */
export function valueLooksSecret(value: string): boolean {
  return URL_WITH_PASSWORD.test(value) || value.includes('-----BEGIN ')
}

/** Nobody said, but its name or its value does. */
export function looksSecret(key: string, value: string): boolean {
  return nameLooksSecret(key) || valueLooksSecret(value)
}

/** The key that a need arrives under: `postgres` as DATABASE_URL, another app by its own name. */
export function keyOfNeed(need: string): string {
  return need === 'postgres' ? 'DATABASE_URL' : `${need.toUpperCase().replaceAll('-', '_')}_URL`
}

/** Keys that nobody may set, with the reason; `needs` are the app's in its newest release. */
export function reservedReason(key: string, needs: readonly string[]): string | null {
  if (key === 'PORT') return 'every process is given its own port'
  if (key.startsWith('TOW_')) return 'names that start with TOW_ are the platform’s'
  const need = needs.find((name) => keyOfNeed(name) === key)
  if (need === 'postgres') return '`needs: [postgres]` gives it'
  return need === undefined ? null : `\`needs: [${need}]\` gives it`
}

export interface Wanted {
  value: string
  secret?: boolean | undefined
}

export interface PlannedValue {
  key: string
  kind: 'plain' | 'secret' | 'unset'
  value: string | null
  /** True where the platform took it for a secret by itself. */
  guessed: boolean
}

export interface ChangeFacts {
  latest: Map<string, VersionRow>
  onceSecret: Set<string>
  /** Declared as secrets by the source. */
  declaredSecret: Set<string>
}

/**
 * What to append, not yet held against the present values. Once a secret, a key stays one; only after it was unset
 * may someone say that it is plain. Answers with the key where somebody tries it before.
 */
export function planValue(
  key: string,
  wanted: Wanted,
  { latest, onceSecret, declaredSecret }: ChangeFacts,
): PlannedValue | 'stays-secret' {
  const value = wanted.value
  if (wanted.secret === false) {
    const isSecret = latest.get(key)?.kind === 'secret' || declaredSecret.has(key)
    return isSecret ? 'stays-secret' : { key, kind: 'plain', value, guessed: false }
  }
  const decidedPlain = latest.get(key)?.kind === 'plain'
  const known = wanted.secret === true || declaredSecret.has(key) || (onceSecret.has(key) && !decidedPlain)
  const guessed = !known && (valueLooksSecret(value) || (nameLooksSecret(key) && !decidedPlain))
  return { key, kind: known || guessed ? 'secret' : 'plain', value, guessed }
}

/** The version that a new row of the key gets. */
export function nextVersion(latest: VersionRow | undefined): number {
  return (latest?.version ?? 0) + 1
}
