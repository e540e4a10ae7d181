/** The ways in: the owner’s links. Whoever has one gets in, so they are asked for only where they are wanted. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Space, SpaceLink } from '../../api/spaces.ts'
import { queries } from '../live/queries.ts'
import { Card, Copy, Empty, Loaded } from '../parts/parts.tsx'

export function Links({ space, isMine }: { space: Space; isMine: boolean }) {
  const [isAsked, setAsked] = useState(false)
  const isShown = isMine || isAsked
  return (
    <Card title={isMine ? 'Your links' : 'The owner’s links'} flush>
      {space.apps.length === 0 ? (
        <Empty title="None yet: nothing is in it" />
      ) : isShown ? (
        <Shown space={space.name} />
      ) : (
        <Empty title="Whoever has them gets in">
          <span>To let somebody in for a while, invite them.</span>
          <button type="button" className="button" onClick={() => setAsked(true)}>
            Show the owner’s links
          </button>
        </Empty>
      )}
    </Card>
  )
}

function Shown({ space }: { space: string }) {
  const query = useQuery(queries.spaceLinks(space))
  return <Loaded query={query}>{(links) => <LinkRows links={links} />}</Loaded>
}

/** How many of the environment’s are shown before somebody asks for all. */
const MOST = 3

export function LinkRows({ links }: { links: readonly SpaceLink[] }) {
  const [isAll, setAll] = useState(false)
  const own = links.filter((link) => link.own)
  const others = links.filter((link) => !link.own)
  const shown = isAll || others.length <= MOST + 1 ? others : others.slice(0, MOST)
  if (links.length === 0) return <Empty title="Nothing of it is entered from outside" />
  return (
    <ul className="rows">
      {[...own, ...shown].map(({ app, url, own: isOwn }) => (
        <li key={app} className="link-row">
          <div className="grow">
            <strong>{app}</strong>{' '}
            <span className="soft">{isOwn ? 'the copy' : 'the environment’s, through the space'}</span>
            <div className="soft mono clip">{new URL(url).host}</div>
          </div>
          <Copy text={url} what={`the link of ${app}`} />
          <a className="button" href={url} target="_blank" rel="noreferrer" aria-label={`Open ${app}`}>
            Open ↗
          </a>
        </li>
      ))}
      {shown.length < others.length && (
        <li>
          <button type="button" className="button" onClick={() => setAll(true)}>
            All {others.length} of the environment
          </button>
        </li>
      )}
    </ul>
  )
}
