/** What a release writes while it rolls out: the lines of what starts, or fails, as they come. */
import { Link } from '@tanstack/react-router'
import { useLayoutEffect, useRef } from 'react'
import type { Rollout } from '../../api/rollouts.ts'
import { coloured, readLine } from '../logs/line.ts'
import { Card, Empty, Loading } from '../parts/parts.tsx'
import { clock } from '../parts/time.tsx'
import { useTail } from './use-tail.ts'

/** Whoever is so near to the end follows it. */
const NEAR_PIXELS = 40

export function Tail({ rollout }: { rollout: Rollout }) {
  const { app, environment, release, endedAt, lastLines } = rollout
  const lines = useTail(rollout)
  const box = useRef<HTMLDivElement>(null)
  const isNear = useRef(true)
  useLayoutEffect(() => {
    if (lines && isNear.current && box.current) box.current.scrollTop = box.current.scrollHeight
  }, [lines])
  return (
    <Card
      title={endedAt ? `What v${release} wrote` : `What v${release} writes`}
      end={
        <Link to="/apps/$app/$environment/logs" params={{ app, environment }} data-row>
          All logs
        </Link>
      }
      flush
    >
      {lines === null ? (
        <Loading lines={3} />
      ) : lines.length > 0 ? (
        <div
          ref={box}
          className="lines tail"
          role="log"
          aria-label={`Lines of v${release}`}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be reached by keyboard
          tabIndex={0}
          onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
            isNear.current = scrollTop + clientHeight > scrollHeight - NEAR_PIXELS
          }}
        >
          {lines.map(({ id, at, process, text }) => (
            <p key={id} data-level={readLine(text).level ?? undefined}>
              <span className="log-at">{clock(at)}</span> <span className="log-at">{process}</span>{' '}
              <span className="log-text">
                {coloured(text).map(({ text: piece, colour, isBold }, index) => (
                  <span key={index} data-colour={colour ?? undefined} data-bold={isBold || undefined}>
                    {piece}
                  </span>
                ))}
              </span>
            </p>
          ))}
        </div>
      ) : lastLines.length > 0 ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be reached by keyboard
        <pre className="lines tail" tabIndex={0}>
          {lastLines.join('\n')}
        </pre>
      ) : (
        <Empty title={endedAt ? 'It wrote nothing' : 'It has written nothing yet'} />
      )}
    </Card>
  )
}
