/** Addresses of the console's pages, and what a page of ours sends along. */

/** No page of another origin can send it without asking first, and nobody is ever told yes. */
export const OWN_PAGE_HEADER = 'x-towpath-page'

/** The first part of every address that a page of the console has; `/` is one too. */
export const CONSOLE_PAGES = [
  'fleet',
  'apps',
  'rollouts',
  'builds',
  'spaces',
  'timeline',
  'promote',
  'environments',
  'people',
  'delivery',
  'domains',
  'databases',
  'drains',
] as const

/** An address of this platform to go on to after signing in; null for whatever leads elsewhere. */
export function ownAddress(text: unknown): string | null {
  if (typeof text !== 'string' || !/^\/(?![/\\])[^\s\\]{0,2000}$/.test(text)) return null
  const base = 'http://platform'
  const parsed = URL.canParse(text, base) ? new URL(text, base) : null
  return parsed?.origin === base ? parsed.pathname + parsed.search + parsed.hash : null
}
