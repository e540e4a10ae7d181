/** Logs: found, followed, and linked to by line. */
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { useDeferredValue, useMemo, useState } from 'react'
import { usePlace } from '../app/place.ts'
import { queries } from '../live/queries.ts'
import { countSet, Filters } from '../parts/filters.tsx'
import { Command, Empty, Problem } from '../parts/parts.tsx'
import { Pick } from '../parts/pick.tsx'
import { Detail } from './detail.tsx'
import { LEVELS, readSearch } from './line.ts'
import { List } from './list.tsx'
import { MOST_LINES, useLines } from './use-lines.ts'

const route = getRouteApi('/apps/$app/$environment/logs')
const NOTHING = readSearch('')!
const COUNTS = [1000, 10_000, MOST_LINES] as const

export function LogsPage() {
  const place = usePlace()
  const { app, environment } = place
  const search = route.useSearch()
  const { process, level, line: chosenId } = search
  const navigate = useNavigate({ from: '/apps/$app/$environment/logs' })
  const [text, setText] = useState(search.q ?? '')
  const [count, setCount] = useState<number>(COUNTS[0])
  const [follow, setFollow] = useState(chosenId === undefined)
  // Whoever came by a link sees the lines around it; whoever chose a line while following goes on following.
  const [around, setAround] = useState(chosenId)
  const { lines, isFollowed, isRead, error } = useLines({ app, environment, process, around, count })
  const { data: processes } = useQuery(queries.processes(place))
  const q = useDeferredValue(text)
  const found = useMemo(() => readSearch(q), [q])
  const shown = useMemo(
    () =>
      found === null
        ? []
        : lines.filter((one) => (level === undefined || one.level === level) && found.matches(one.plain)),
    [lines, level, found],
  )
  const chosen = chosenId === undefined ? undefined : lines.find(({ id }) => id === chosenId)
  const set = (next: Partial<typeof search>) =>
    void navigate({
      search: (before: typeof search) => ({ ...before, ...next }) as typeof search,
      replace: true,
      resetScroll: false,
    })
  const names = [...new Set(processes?.processes.map((one) => one.process))]
  return (
    <div className="logs">
      <Filters
        set={countSet(level, process) + Number(count !== COUNTS[0])}
        first={
          <label className="field grow">
            Search
            <input
              className="input"
              type="search"
              data-search
              placeholder="text or /expression/"
              aria-invalid={found === null}
              value={text}
              onChange={(event) => {
                setText(event.target.value)
                set({ q: event.target.value })
              }}
            />
          </label>
        }
        last={
          <>
            {around ? (
              <button
                type="button"
                className="button"
                onClick={() => {
                  setAround(undefined)
                  setFollow(true)
                  set({ line: '' })
                }}
              >
                To the newest
              </button>
            ) : (
              <button
                type="button"
                className="button"
                aria-pressed={follow}
                onClick={() => setFollow(!follow)}
              >
                {follow ? 'Following' : 'Follow'}
              </button>
            )}
            <span className="soft number" role="status">
              {shown.length.toLocaleString('en')} of {lines.length.toLocaleString('en')} lines
              {!around && !isFollowed && ' · connecting'}
            </span>
          </>
        }
      >
        <Pick label="Level" value={level} of={LEVELS} set={(next) => set({ level: next })} />
        <Pick label="Process" value={process} of={names} set={(next) => set({ process: next })} />
        <label className="field">
          Newest
          <select value={count} onChange={(event) => setCount(Number(event.target.value))}>
            {COUNTS.map((one) => (
              <option key={one} value={one}>
                {one.toLocaleString('en')} lines
              </option>
            ))}
          </select>
        </label>
      </Filters>
      {error && <Problem error={error} />}
      {found === null && <p className="note">This expression can’t be read.</p>}
      <List
        lines={shown}
        search={found ?? NOTHING}
        isRead={isRead}
        chosen={chosenId}
        follow={follow}
        unfollow={() => setFollow(false)}
        choose={(id) => {
          setFollow(false)
          set({ line: id === chosenId ? '' : id })
        }}
      />
      {shown.length === 0 && isRead && (
        <Empty title={lines.length === 0 ? 'No line yet' : 'No line matches'}>
          {lines.length === 0 ? (
            <Command text={`tow logs -f -a ${app} -e ${environment}`} />
          ) : (
            <button
              type="button"
              className="button"
              onClick={() => {
                setText('')
                set({ q: '', level: '' })
              }}
            >
              Show all
            </button>
          )}
        </Empty>
      )}
      {chosen && <Detail line={chosen} close={() => set({ line: '' })} />}
    </div>
  )
}
