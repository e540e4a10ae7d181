/**
 * W3C baggage, as far as the router needs it: the member `tow.space` says in which space a request travels. Parsed as
 * a list of members; anything else in it is passed on untouched.
 */

export const SPACE_KEY = 'tow.space'
const SPACE_NAME = /^[a-z](?:-?[a-z0-9])*$/

function keyOf(member: string): string {
  const end = member.search(/[=;]/)
  return (end < 0 ? member : member.slice(0, end)).trim()
}

function spaceOf(member: string): string | null {
  const start = member.indexOf('=')
  if (start < 0) return null
  const value = member
    .slice(start + 1)
    .split(';', 1)[0]!
    .trim()
  try {
    return decodeURIComponent(value)
  } catch {
    return null
  }
}

/** The space that the baggage names; null without one, with a malformed one, and where two members disagree. */
export function readSpace(baggage: string | null): string | null {
  if (baggage === null || !baggage.includes(SPACE_KEY)) return null
  const named = baggage.split(',').filter((member) => keyOf(member) === SPACE_KEY)
  const values = new Set(named.map(spaceOf))
  if (values.size !== 1) return null
  const [value] = values
  return value && value.length <= 24 && SPACE_NAME.test(value) ? value : null
}

/** The baggage with exactly this space, or with none; null when nothing is left. */
export function withSpace(baggage: string | null, space: string | null): string | null {
  const members = (baggage ?? '').split(',').filter((member) => member.trim() && keyOf(member) !== SPACE_KEY)
  if (space !== null) members.push(`${SPACE_KEY}=${space}`)
  return members.length ? members.map((member) => member.trim()).join(',') : null
}
