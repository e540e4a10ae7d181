import { type KeyboardEvent, memo, useEffect, useLayoutEffect, useRef } from 'react'
import { clock } from '../parts/time.tsx'
import { useWindow } from '../parts/window.ts'
import { coloured, type Search, splitBy } from './line.ts'
import type { Line } from './use-lines.ts'

const ROW = 20
const STEPS: Record<string, number> = {
  ...{ ArrowDown: 1, j: 1, PageDown: 20, End: Number.POSITIVE_INFINITY },
  ...{ ArrowUp: -1, k: -1, PageUp: -20, Home: Number.NEGATIVE_INFINITY },
}

interface ListProps {
  lines: readonly Line[]
  search: Search
  isRead: boolean
  chosen: string | undefined
  follow: boolean
  unfollow: () => void
  choose: (id: string) => void
}

export function List({ lines, search, isRead, chosen, follow, unfollow, choose }: ListProps) {
  const box = useRef<HTMLDivElement>(null)
  const list = useRef<HTMLDivElement>(null)
  const { first, last } = useWindow(list, { count: lines.length, height: ROW, box })
  const at = chosen === undefined ? -1 : lines.findIndex(({ id }) => id === chosen)

  useLayoutEffect(() => {
    if (follow && box.current) box.current.scrollTop = lines.length * ROW
  }, [follow, lines])
  // The list may become lower or higher while it follows.
  useEffect(() => {
    const element = box.current
    if (!follow || !element) return
    const pin = new ResizeObserver(() => {
      element.scrollTop = element.scrollHeight
    })
    pin.observe(element)
    return () => pin.disconnect()
  }, [follow])
  const shownFor = useRef<string | undefined>(undefined)
  useEffect(() => {
    const element = box.current
    if (at < 0 || !element || shownFor.current === chosen) return
    shownFor.current = chosen
    const top = at * ROW
    if (top < element.scrollTop || top > element.scrollTop + element.clientHeight - ROW)
      element.scrollTop = top - element.clientHeight / 2
  }, [at, chosen])

  function onKeyDown(event: KeyboardEvent) {
    const step = STEPS[event.key]
    if (step === undefined) return
    event.preventDefault()
    event.stopPropagation()
    const from = at < 0 ? (step > 0 ? first - 1 : last) : at
    const next = lines[Math.max(0, Math.min(lines.length - 1, from + step))]
    if (next && next.id !== chosen) choose(next.id)
  }

  return (
    <div
      className="log-box"
      ref={box}
      role="listbox"
      aria-label="Log lines"
      tabIndex={0}
      aria-activedescendant={at >= first && at < last ? `line-${chosen}` : undefined}
      aria-busy={!isRead}
      hidden={lines.length === 0 && isRead}
      onKeyDown={onKeyDown}
      onWheel={(event) => event.deltaY < 0 && follow && unfollow()}
    >
      <div ref={list} role="presentation" style={{ height: lines.length * ROW, position: 'relative' }}>
        {lines.slice(first, last).map((line, index) => (
          <Row
            key={line.id}
            line={line}
            search={search}
            top={(first + index) * ROW}
            isChosen={line.id === chosen}
            choose={choose}
          />
        ))}
      </div>
    </div>
  )
}

const Row = memo(
  function Row({
    line,
    search,
    top,
    isChosen,
    choose,
  }: {
    line: Line
    search: Search
    top: number
    isChosen: boolean
    choose: (id: string) => void
  }) {
    const { id, at, instance, level, fields, text, missing } = line
    return (
      // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are the list’s
      // biome-ignore lint/a11y/useFocusableInteractive: the list keeps the focus and names the chosen one
      <div
        id={`line-${id}`}
        role="option"
        aria-selected={isChosen}
        className="log-line"
        data-level={level ?? ''}
        style={{ top }}
        onClick={() => choose(id)}
      >
        <span className="log-at">{clock(at)}</span>
        <span className="log-from">{instance}</span>
        <span className="log-level">{level ?? ''}</span>
        <span className="log-text">
          {missing ? (
            `… ${missing} lines are not kept`
          ) : fields ? (
            <Fields fields={fields} search={search} />
          ) : (
            <Pieces text={text} search={search} />
          )}
        </span>
      </div>
    )
  },
  (one, other) =>
    one.line === other.line &&
    one.top === other.top &&
    one.isChosen === other.isChosen &&
    one.search === other.search,
)

/** What was searched for is marked. */
function Found({ text, search }: { text: string; search: Search }) {
  return splitBy(text, search.rangesIn(text)).map((part, index) =>
    part.isFound ? <mark key={index}>{part.text}</mark> : part.text,
  )
}

function Pieces({ text, search }: { text: string; search: Search }) {
  return coloured(text).map(({ text: piece, colour, isBold }, index) => (
    <span key={index} data-colour={colour ?? undefined} data-bold={isBold || undefined}>
      <Found text={piece} search={search} />
    </span>
  ))
}

const MESSAGES = ['msg', 'message', 'event']
const SHOWN_ELSEWHERE = new Set([
  ...MESSAGES,
  'level',
  'severity',
  'time',
  'timestamp',
  'ts',
  'pid',
  'hostname',
])

/** The message first; the rest in short. All of it is unfolded when the line is chosen. */
function Fields({ fields, search }: { fields: Record<string, unknown>; search: Search }) {
  const message = MESSAGES.map((key) => fields[key]).find((value) => typeof value === 'string')
  const rest = Object.entries(fields).filter(([key]) => !SHOWN_ELSEWHERE.has(key))
  return (
    <>
      <Found text={String(message ?? '')} search={search} />{' '}
      <span className="soft">
        <Found
          text={rest
            .map(([key, value]) => `${key}=${typeof value === 'object' ? JSON.stringify(value) : value}`)
            .join(' ')}
          search={search}
        />
      </span>
    </>
  )
}
