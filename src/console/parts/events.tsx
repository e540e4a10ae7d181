/** Rows of the timeline. */
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { Event } from '../../api/events.ts'
import { EventLink } from './links.tsx'
import { State, type Tone } from './state.tsx'
import { Ago } from './time.tsx'

const TONES: [RegExp, Tone][] = [
  [/[.-](failed|crashed)$/, 'bad'],
  [/[.-](live|succeeded|restored)$|^drift\.gone$/, 'good'],
  [
    /\.(aborted|cancelled|removed|revoked|abort-requested|undoing|expiring)$|^drift\.found$|^space\.swapped$/,
    'warn',
  ],
]

export const toneOfEvent = (kind: string): Tone => TONES.find(([known]) => known.test(kind))?.[1] ?? 'none'

export function EventRows({
  events,
  chosen,
  link,
}: {
  events: readonly Event[]
  chosen?: number | undefined
  /** Around each in turn; default: the timeline, with everything in it. */
  link?: (event: Event) => ReactNode
}) {
  return (
    <ul className="rows events">
      {events.map((event) => (
        <li key={event.position} id={`event-${event.position}`} data-chosen={event.position === chosen}>
          <State tone={toneOfEvent(event.kind)} word={event.kind.replace('.', ' ')} hideWord />
          <div className="grow">
            {link ? link(event) : <EventLink event={event}>{event.message}</EventLink>}
            {event.app && event.environment && (
              <>
                {' '}
                <Link
                  className="tag"
                  to="/apps/$app/$environment"
                  params={{ app: event.app, environment: event.environment }}
                >
                  {event.app} · {event.environment}
                </Link>
              </>
            )}
          </div>
          <span className="end">
            {event.by} · <Ago at={event.at} />
          </span>
        </li>
      ))}
    </ul>
  )
}
