/**
 * Who may enter a space by its names: whoever brings a token that its door signed. A link brings it once, a cookie
 * keeps it for that one name, a script sends it as a header. No app ever sees it, and no record holds it.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { SpaceDoor } from '../api/overlay.ts'
import type { Head } from './headers.ts'
import { readCookie } from './rules.ts'

/** The cookie, the header and the member of the query that carry a token. */
export const PREVIEW = 'tow-preview'

const TOKEN = /^(\d{1,12})\.([\w-]{1,64})\.([\w-]{43})$/

export type Entrance =
  /** `keep` is the cookie for whoever came by a link: they are sent on to the address without the token. */
  { kind: 'in'; keep: string | null } | { kind: 'out'; why: string }

/** Judges a request for a name of the space; `linked` is the token that its address held. */
export function enterSpace(
  door: SpaceDoor,
  space: string,
  head: Pick<Head, 'preview' | 'cookie'>,
  linked: string | null,
  now: number,
): Entrance {
  const kept = readCookie(head.cookie, PREVIEW)
  let why = 'this request brings no invitation'
  for (const token of [linked, head.preview, kept]) {
    if (token === null) continue
    const verdict = judge(door, space, token, now)
    if (verdict === null) return { kind: 'in', keep: token === linked ? cookieOf(token, now) : null }
    why = verdict
  }
  return { kind: 'out', why }
}

/** Null for a token that lets in, else why it does not. */
function judge(door: SpaceDoor, space: string, token: string, now: number): string | null {
  const [, expiry = '', id = '', signature = ''] = TOKEN.exec(token) ?? []
  const key = Buffer.from(door.key, 'base64url')
  const signed = createHmac('sha256', key).update(`${space}.${expiry}.${id}`).digest()
  const given = Buffer.from(signature, 'base64url')
  const isOurs = given.length === signed.length && timingSafeEqual(given, signed)
  if (!isOurs) return 'this invitation is not one of its own'
  if (door.revoked.includes(id)) return 'this invitation was taken back'
  return now >= Number(expiry) * 1000 ? 'this invitation has expired' : null
}

function cookieOf(token: string, now: number): string {
  const seconds = Math.ceil(Number(token.split('.', 1)[0]) - now / 1000)
  return `${PREVIEW}=${token}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax`
}

/** The path without the token, and the token. */
export function takeToken(path: string): { path: string; token: string | null } {
  const at = path.indexOf('?')
  if (at < 0 || !path.includes(`${PREVIEW}=`, at)) return { path, token: null }
  const members = path.slice(at + 1).split('&')
  const ours = members.filter((member) => member.startsWith(`${PREVIEW}=`))
  const others = members.filter((member) => !member.startsWith(`${PREVIEW}=`))
  return {
    path: others.length > 0 ? `${path.slice(0, at)}?${others.join('&')}` : path.slice(0, at),
    token: ours.at(-1)?.slice(PREVIEW.length + 1) ?? null,
  }
}

/** Where a link leads on to: never to another host, whatever the path looks like to a browser. */
export function locationOf(path: string): string {
  return /^\/[/\\]/.test(path) ? `/.${path}` : path
}

/** Takes the token out of what goes on to the app. */
export function withoutToken(head: Head): void {
  if (!head.cookie?.includes(PREVIEW)) return
  const others = head.cookie
    .split(';')
    .filter((pair) => pair.split('=', 1)[0]!.trim() !== PREVIEW)
    .join(';')
    .trim()
  const at = head.kept.lastIndexOf('cookie')
  if (at < 0) return
  if (others) head.kept[at + 1] = others
  else head.kept.splice(at, 2)
}
