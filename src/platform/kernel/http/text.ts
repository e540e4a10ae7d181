/** Text that nothing behind this door can keep: PostgreSQL and environment variables hold no NUL, UTF-8 no lone surrogate. */
import { TowError } from '../../../api/errors.ts'

/** Looks at every text of an input, keys too, however deep. */
export function refuseUnkeepableText(input: unknown): void {
  const waiting: [value: unknown, place: string][] = [[input, '']]
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const [value, place] = next
    if (typeof value === 'string') check(value, place)
    else if (typeof value === 'object' && value !== null) {
      for (const [key, inner] of Object.entries(value)) {
        check(key, place)
        waiting.push([inner, place === '' ? key : `${place}.${key}`.slice(0, 200)])
      }
    }
  }
}

function check(text: string, place: string): void {
  if (!text.includes('\0') && text.isWellFormed()) return
  const what = text.includes('\0') ? 'a NUL character' : 'half of a surrogate pair'
  throw new TowError('BAD_INPUT', `${place || 'the input'} holds ${what}, which no text can`)
}
