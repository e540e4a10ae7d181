import { Link } from '@tanstack/react-router'
import { memo, type ReactNode, useCallback, useRef } from 'react'
import type { App, AppInEnvironment } from '../../api/apps.ts'
import { Behind } from '../parts/behind.tsx'
import { State, toneOfApp, wordOfApp } from '../parts/state.tsx'
import { Ago } from '../parts/time.tsx'
import { useMedia, useWindow } from '../parts/window.ts'

const ROW = 52

/** What a view shows beside the environments. */
export interface Extra {
  title: string
  of: (app: App) => ReactNode
}

interface MatrixProps {
  apps: readonly App[]
  environments: readonly { name: string; engine: string }[]
  chosen: ReadonlySet<string>
  setChosen: (next: ReadonlySet<string>) => void
  extras: readonly Extra[]
}

export function Matrix({ apps, environments, chosen, setChosen, extras }: MatrixProps) {
  const body = useRef<HTMLTableSectionElement>(null)
  const isNarrow = useMedia('(max-width: 859px)')
  // One below the other where there is little room.
  const height = isNarrow ? 40 + (environments.length + extras.length) * 30 : ROW
  const { first, last } = useWindow(body, { count: apps.length, height, box: null })
  const toggle = useCallback(
    (name: string) => {
      const next = new Set(chosen)
      if (!next.delete(name)) next.add(name)
      setChosen(next)
    },
    [chosen, setChosen],
  )
  const isAll = apps.length > 0 && apps.every(({ name }) => chosen.has(name))
  return (
    <div className="card">
      <table className="matrix" aria-rowcount={apps.length + 1} style={{ '--row': `${height}px` } as object}>
        <thead>
          <tr>
            <th scope="col" className="pick">
              <label className="choose-all">
                <input
                  type="checkbox"
                  checked={isAll}
                  onChange={() => setChosen(new Set(isAll ? [] : apps.map(({ name }) => name)))}
                />
                <span className={isNarrow ? '' : 'hidden-visually'}>Choose all that are shown</span>
              </label>
            </th>
            <th scope="col">App</th>
            {environments.map(({ name, engine }) => (
              <th key={name} scope="col">
                {name} <span className="tag">{engine}</span>
              </th>
            ))}
            {extras.map(({ title }) => (
              <th key={title} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody ref={body}>
          {first > 0 && <Space rows={first} height={height} />}
          {apps.slice(first, last).map((app) => (
            <Row
              key={app.name}
              app={app}
              environments={environments}
              extras={extras}
              isChosen={chosen.has(app.name)}
              toggle={toggle}
            />
          ))}
          {last < apps.length && <Space rows={apps.length - last} height={height} />}
        </tbody>
      </table>
    </div>
  )
}

function Space({ rows, height }: { rows: number; height: number }) {
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: nothing in it takes the focus
    <tr aria-hidden="true" className="space">
      <td style={{ height: rows * height }} />
    </tr>
  )
}

interface RowProps {
  app: App
  environments: MatrixProps['environments']
  extras: MatrixProps['extras']
  isChosen: boolean
  toggle: (name: string) => void
}

const Row = memo(function Row({ app, environments, extras, isChosen, toggle }: RowProps) {
  const places = new Map(app.environments.map((place) => [place.environment, place]))
  return (
    <tr data-chosen={isChosen}>
      <td className="pick">
        <input
          type="checkbox"
          aria-label={`Choose ${app.name}`}
          checked={isChosen}
          onChange={() => toggle(app.name)}
        />
      </td>
      <th scope="row">
        <Link to="/apps/$app" params={{ app: app.name }} data-row className="clip">
          {app.name}
        </Link>
        {app.owner && <span className="soft clip">{app.owner}</span>}
      </th>
      {environments.map(({ name }) => (
        <td key={name} data-label={name}>
          <Cell app={app.name} environment={name} place={places.get(name)} />
        </td>
      ))}
      {extras.map(({ title, of }) => (
        <td key={title} data-label={title}>
          <span className="cell">{of(app)}</span>
        </td>
      ))}
    </tr>
  )
})

function Cell({
  app,
  environment,
  place,
}: {
  app: string
  environment: string
  place: AppInEnvironment | undefined
}) {
  if (!place) return <span className="cell soft">–</span>
  const { state, release, releasedAt, releasedBy, behind, reason, rollout } = place
  return (
    <Link
      className="cell"
      to="/apps/$app/$environment"
      params={{ app, environment }}
      title={reason ?? undefined}
    >
      <span className="hidden-visually">{`${app} in ${environment}:`}</span>
      <State tone={toneOfApp(state)} word={wordOfApp(state)} hideWord={state === 'healthy'} />
      <strong className="number">{release === null ? '–' : `v${release}`}</strong>
      {rollout?.phase === 'failed' && (
        <span className="tag" data-tone="bad">
          v{rollout.release} failed
        </span>
      )}
      <Behind behind={behind} />
      <span className="soft clip who">
        {releasedAt && <Ago at={releasedAt} />}
        {releasedBy && <span className="by">{` · ${releasedBy}`}</span>}
      </span>
    </Link>
  )
}
