/** What is above every page of an app in an environment. */
import { useQuery } from '@tanstack/react-query'
import { Link, Outlet, useRouterState } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { queries } from '../live/queries.ts'
import { Behind } from '../parts/behind.tsx'
import { PageHead } from '../parts/parts.tsx'
import { State, toneOfApp, wordOfApp } from '../parts/state.tsx'
import { useMedia } from '../parts/window.ts'
import { APP_PAGES } from '../shell/pages.tsx'
import { AppActions } from './actions.tsx'
import { usePlace } from './place.ts'

export function AppFrame() {
  const { app, environment } = usePlace()
  const { data } = useQuery(queries.app(app))
  const { data: pipeline } = useQuery(queries.pipeline())
  const path = useRouterState({ select: ({ location }) => location.pathname })
  const tab = APP_PAGES.find(([name]) => path.endsWith(`/${name}`)) ?? APP_PAGES[0]
  const places = new Map(data?.environments.map((place) => [place.environment, place]))
  const place = places.get(environment)
  const tabs = useRef<HTMLElement>(null)
  const isNarrow = useMedia('(max-width: 859px)')
  // Where there is little room the tabs scroll: the one that is open can be seen.
  useEffect(() => {
    const { current } = tabs
    const open = current?.children[isNarrow ? APP_PAGES.indexOf(tab) : 0] as HTMLElement | undefined
    if (current && open) current.scrollLeft = open.offsetLeft - (current.clientWidth - open.offsetWidth) / 2
  }, [tab, isNarrow])
  return (
    <>
      <PageHead
        title={app}
        above={
          <>
            <Link to="/fleet">Fleet</Link> / {data?.owner ?? 'owned by nobody'}
          </>
        }
      >
        <AppActions app={app} environment={environment} place={place} />
      </PageHead>
      <nav className="segments" aria-label="Environments">
        {(pipeline?.environments ?? [environment]).map((name) => {
          const there = places.get(name)
          return (
            <Link
              key={name}
              to={tab[2]}
              params={{ app, environment: name }}
              {...(name === environment ? { 'aria-current': 'page' } : {})}
              activeProps={{}}
            >
              <State
                tone={there ? toneOfApp(there.state) : 'none'}
                word={there ? wordOfApp(there.state) : 'not there'}
                hideWord
              />
              {name}
              <span className="number soft">{there?.release ? `v${there.release}` : ''}</span>
              <Behind behind={there?.behind ?? null} />
            </Link>
          )
        })}
      </nav>
      <nav ref={tabs} className="tabs" aria-label="About the app">
        {APP_PAGES.map(([name, title, to]) => (
          <Link
            key={name}
            to={to}
            params={{ app, environment }}
            activeOptions={{ exact: name === 'overview', includeSearch: false }}
          >
            {title}
          </Link>
        ))}
      </nav>
      <Outlet />
    </>
  )
}
