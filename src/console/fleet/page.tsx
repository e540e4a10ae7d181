/** The fleet: every app by environment, and what differs between them at a glance. */
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { useDeferredValue, useMemo, useState } from 'react'
import { queries } from '../live/queries.ts'
import { countSet, Filters } from '../parts/filters.tsx'
import { Empty, Loaded, PageHead, plural } from '../parts/parts.tsx'
import { Pick } from '../parts/pick.tsx'
import { useChoice } from '../shell/choices.ts'
import { useCommands } from '../shell/commands.ts'
import { inOrder, useExtras } from './extras.tsx'
import { type FleetFilter, filterFleet, isInTrouble, STATES } from './filter.ts'
import { Matrix } from './matrix.tsx'

const route = getRouteApi('/fleet')

export function FleetPage() {
  const filter = route.useSearch()
  const navigate = useNavigate({ from: '/fleet' })
  const apps = useQuery(queries.apps())
  const { data: environments = [] } = useQuery(queries.environments())
  const engines = useMemo(
    () => new Map(environments.map(({ name, engine }) => [name, engine])),
    [environments],
  )
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const [text, setText] = useState(filter.q ?? '')
  const q = useDeferredValue(text)
  const all = apps.data
  const view = useChoice('view')
  const extras = useExtras(view)
  const shown = useMemo(
    () => inOrder(filterFleet(all ?? [], { ...filter, q }, engines), view),
    [all, filter, q, engines, view],
  )
  const teams = useMemo(() => [...new Set((all ?? []).flatMap(({ owner }) => owner ?? []))].sort(), [all])
  const places = (all ?? []).flatMap((app) => app.environments)
  const trouble = places.filter(isInTrouble).length
  const behind = places.filter((place) => place.behind !== null).length

  const set = (next: FleetFilter) =>
    void navigate({ search: (before: FleetFilter) => ({ ...before, ...next }), replace: true })
  const promote = () => void navigate({ to: '/promote', search: { apps: [...chosen].join(',') } })
  const commands = useMemo(
    () => [
      { name: 'promote what is chosen', key: 'p', run: () => document.getElementById('promote')?.click() },
    ],
    [],
  )
  useCommands(commands)

  return (
    <>
      <PageHead
        title="Fleet"
        below={
          all
            ? `${plural(all.length, 'app')}, ${plural(environments.length, 'environment')} · ${trouble} in trouble · ${behind} behind`
            : '\u00a0'
        }
      >
        <button
          type="button"
          id="promote"
          className="button"
          {...(chosen.size > 0 ? { 'data-tone': 'main' } : {})}
          disabled={chosen.size === 0}
          onClick={promote}
        >
          {chosen.size === 0 ? 'Choose apps to promote' : `Promote ${plural(chosen.size, 'app')}…`}
        </button>
      </PageHead>
      <Filters
        set={countSet(filter.team, filter.engine, filter.state)}
        first={
          <label className="field grow">
            Search
            <input
              className="input"
              type="search"
              data-search
              placeholder="App or team"
              value={text}
              onChange={(event) => {
                setText(event.target.value)
                set({ q: event.target.value })
              }}
            />
          </label>
        }
      >
        <Pick label="Team" value={filter.team} of={[...teams, 'nobody']} set={(team) => set({ team })} />
        <Pick
          label="Engine"
          value={filter.engine}
          of={[...new Set(engines.values())]}
          set={(engine) => set({ engine })}
        />
        <Pick label="State" value={filter.state} of={STATES} set={(state) => set({ state })} />
      </Filters>
      <Loaded query={apps} lines={10}>
        {(every) =>
          shown.length === 0 ? (
            <Empty title={every.length === 0 ? 'Nothing was shipped yet' : 'No app is like that'}>
              {every.length === 0 ? (
                <span>
                  In a folder with an app: <code>tow ship</code>
                </span>
              ) : (
                <button
                  type="button"
                  className="button"
                  onClick={() => {
                    setText('')
                    void navigate({ search: {} })
                  }}
                >
                  Show all {every.length}
                </button>
              )}
            </Empty>
          ) : (
            <Matrix
              apps={shown}
              environments={environments}
              chosen={chosen}
              setChosen={setChosen}
              extras={extras}
            />
          )
        }
      </Loaded>
    </>
  )
}
