/** Promote: choose, see what would change, do it, and watch. */
import { useQueries, useQuery } from '@tanstack/react-query'
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import type { App } from '../../api/apps.ts'
import { queries } from '../live/queries.ts'
import { Behind } from '../parts/behind.tsx'
import { Card, Empty, Loaded, PageHead, plural } from '../parts/parts.tsx'
import { StateOf } from '../parts/state.tsx'
import { Plan } from './plan.tsx'

const route = getRouteApi('/promote')

export function PromotePage() {
  const search = route.useSearch()
  const navigate = useNavigate({ from: '/promote' })
  const { data: pipeline } = useQuery(queries.pipeline())
  const apps = useQuery(queries.apps())
  const order = pipeline?.environments ?? []
  const to = search.to ?? order[1] ?? ''
  const from = order[order.indexOf(to) - 1]
  const chosen = (search.apps ?? '').split(',').filter(Boolean)
  const [started, setStarted] = useState<readonly Started[]>([])
  const set = (next: { apps?: string; to?: string }) =>
    void navigate({ search: { ...search, ...next }, replace: true, resetScroll: false })

  if (pipeline && order.length < 2) {
    return (
      <>
        <PageHead title="Promote" />
        <Empty title="There is one environment, so nothing can be promoted">
          <code>tow env add prod</code>
        </Empty>
      </>
    )
  }
  return (
    <>
      <PageHead title="Promote" below={from ? `The same artifacts, from ${from} to ${to}` : '\u00a0'}>
        <label className="field">
          To
          <select value={to} onChange={(event) => set({ to: event.target.value })}>
            {order.slice(1).map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
      </PageHead>
      <div className="columns promote">
        <Loaded query={apps}>
          {(all) => (
            <Choose
              apps={all}
              from={from}
              to={to}
              chosen={chosen}
              set={(next) => {
                setStarted([])
                set({ apps: next.join(',') })
              }}
            />
          )}
        </Loaded>
        <div className="stack">
          {started.length > 0 ? (
            <Watch started={started} />
          ) : chosen.length > 0 && to && from ? (
            <Plan apps={chosen} from={from} to={to} onStarted={setStarted} />
          ) : (
            <Empty title="Choose what to promote">
              <span>Then you see what would change, before anything does.</span>
            </Empty>
          )}
        </div>
      </div>
    </>
  )
}

export interface Started {
  app: string
  rollout: string
  release: number
}

/** Of the apps to choose from, so many are shown at a time. */
const MOST = 200

function Choose({
  apps,
  from,
  to,
  chosen,
  set,
}: {
  apps: readonly App[]
  from: string | undefined
  to: string
  chosen: readonly string[]
  set: (next: string[]) => void
}) {
  const [text, setText] = useState('')
  const rows = apps.flatMap((app) => {
    const source = app.environments.find(({ environment }) => environment === from)
    const target = app.environments.find(({ environment }) => environment === to)
    if (!source || source.release === null) return []
    const differs = target?.artifact !== source.artifact
    return [{ name: app.name, source, target, differs }]
  })
  const shown = rows
    .filter(({ name }) => name.includes(text.toLowerCase()) || chosen.includes(name))
    .sort((one, other) => Number(other.differs) - Number(one.differs))
  const differing = rows.filter(({ differs }) => differs).map(({ name }) => name)
  return (
    <Card
      title="Which apps"
      end={
        <button
          type="button"
          className="button"
          data-tone="quiet"
          onClick={() => set(chosen.length > 0 ? [] : differing)}
        >
          {chosen.length > 0 ? 'Choose none' : `Choose all ${differing.length} that differ`}
        </button>
      }
      flush
    >
      <p className="note">
        <input
          className="input"
          type="search"
          data-search
          aria-label="Search apps"
          placeholder="Search apps"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </p>
      <ul className="rows choose">
        {shown.slice(0, MOST).map(({ name, source, target, differs }) => (
          <li key={name}>
            <label className="grow">
              <input
                type="checkbox"
                data-row
                checked={chosen.includes(name)}
                onChange={(event) =>
                  set(event.target.checked ? [...chosen, name] : chosen.filter((one) => one !== name))
                }
              />{' '}
              {name}
            </label>
            <span className="number soft">
              v{source.release}, {target?.release ? `there v${target.release}` : 'new there'}
            </span>
            {differs ? (
              <Behind behind={target?.behind ?? null} />
            ) : (
              <span className="tag" data-tone="good">
                the same
              </span>
            )}
          </li>
        ))}
        {shown.length > MOST && (
          <li>
            <span className="soft">and {shown.length - MOST} more; search for them</span>
          </li>
        )}
        {shown.length === 0 && (
          <li>
            <span className="soft">
              Nothing serves in {from ?? 'the environment before'} that is called so.
            </span>
          </li>
        )}
      </ul>
    </Card>
  )
}

function Watch({ started }: { started: readonly Started[] }) {
  const rollouts = useQueries({ queries: started.map(({ rollout }) => queries.rollout(rollout)) })
  const done = rollouts.filter(({ data }) => data?.phase === 'live').length
  return (
    <Card title={`${done} of ${plural(started.length, 'app')} live`} flush>
      <ul className="rows" aria-live="polite">
        {started.map(({ app, rollout, release }, index) => {
          const data = rollouts[index]?.data
          return (
            <li key={app}>
              <StateOf state={data?.phase ?? 'queued'} />
              <div className="grow">
                <Link to="/rollouts/$id" params={{ id: rollout }} data-row>
                  {app} v{release}
                </Link>
                <p className="soft">{data?.message}</p>
              </div>
            </li>
          )
        })}
      </ul>
    </Card>
  )
}
