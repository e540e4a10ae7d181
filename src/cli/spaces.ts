/** How spaces are told to people, wherever a command does it. */
import { TowError } from '../api/errors.ts'
import { MOST_HOURS, type Space, type SpaceApp, type SpaceLink } from '../api/spaces.ts'
import type { Client } from '../client/client.ts'
import type { Terminal } from './terminal/terminal.ts'
import { columns, shortCommit } from './terminal/text.ts'

const HOURS = { h: 1, d: 24, w: 168 }

/** `12h`, `2d`, `1w`: for how long. */
export function hoursOf(text: string, option: string): number {
  const match = /^(\d{1,4})([hdw])$/.exec(text)
  const hours = match ? Number(match[1]) * HOURS[match[2] as keyof typeof HOURS] : 0
  if (hours < 1 || hours > MOST_HOURS)
    throw new TowError(
      'USAGE',
      `${option} is a time like 12h, 2d or 1w, up to ${MOST_HOURS / 24}d, not "${text}"`,
    )
  return hours
}

export function stateOf(terminal: Terminal, { state, swap, live, ownDatabase }: SpaceApp): string {
  const colour =
    state === 'live' ? 'green' : state === 'failed' ? 'red' : state === 'starting' ? 'yellow' : 'dim'
  const data = ownDatabase ? 'own database' : ''
  const more = [live ? 'follows files' : '', data, swap ? `has all traffic (${swap.by})` : ''].filter(Boolean)
  return `${terminal.paint(colour, state)}${more.length > 0 ? `, ${more.join(', ')}` : ''}`
}

export const commitOf = ({ origin }: SpaceApp): string =>
  `${shortCommit(origin.commit)}${origin.dirty ? ' with changes' : ''}`

/** How long until then, as a glance needs it. */
export function left(at: string, now = Date.now()): string {
  const hours = (Date.parse(at) - now) / 3_600_000
  if (hours <= 0) return 'now'
  if (hours < 1) return `${Math.round(hours * 60)} min`
  return hours < 48 ? `${Math.round(hours)} h` : `${Math.round(hours / 24)} d`
}

/** On standard output, so that a script gets them: its own apps first. */
export function printLinks(terminal: Terminal, links: readonly SpaceLink[]): void {
  const own = links.filter((link) => link.own)
  const rows = [...own, ...links.filter((link) => !link.own)].map(({ app, url, own: isOwn }) => [
    app,
    url,
    isOwn ? '' : terminal.paint('dim', 'the environment’s, through the space'),
  ])
  if (rows.length > 0) terminal.print(rows.length === 1 ? rows[0]![1]! : columns(rows))
}

/** What does not run in the space, each with its reason. */
export function sayOff(terminal: Terminal, space: Space, apps?: readonly string[]): void {
  for (const { app, off } of space.apps) {
    if (apps && !apps.includes(app)) continue
    for (const { what, because } of off)
      terminal.say(terminal.tint('dim', `${app}: ${what} is off: ${because}`))
  }
}

/** The owner's links; nothing where whoever asks may not have them. */
export async function linksOf(client: Client, space: string): Promise<SpaceLink[]> {
  return client.spaces.links({ space }).catch((error) => {
    if ((error as TowError).code === 'FORBIDDEN') return []
    throw error
  })
}
