/** What is around every page. */
import { useQuery } from '@tanstack/react-query'
import { Link, Outlet, useNavigate, useRouter, useRouterState } from '@tanstack/react-router'
import { useCallback, useEffect, useRef, useState } from 'react'
import { endFollowing, useLive } from '../live/follow.ts'
import { queries } from '../live/queries.ts'
import { ago, useNow } from '../parts/time.tsx'
import { Asking } from './act.tsx'
import { choose, optionsOf, useChoice } from './choices.ts'
import { Help } from './help.tsx'
import { useKeys } from './keys.ts'
import { PAGES, type PageLink } from './pages.tsx'
import { Palette } from './palette.tsx'
import { Titles } from './titles.tsx'
import { Toasts } from './toasts.tsx'
import { Whole } from './whole.tsx'

type Open = 'palette' | 'help' | null

export function Shell() {
  const [open, setOpen] = useState<Open>(null)
  const navigate = useNavigate()
  const close = useCallback(() => setOpen(null), [])
  const openPalette = useCallback(() => setOpen('palette'), [])
  const openHelp = useCallback(() => setOpen('help'), [])
  const go = useCallback((to: PageLink['to']) => void navigate({ to }), [navigate])
  useKeys({ openPalette, openHelp, go })
  useFocusOnNewPages()
  const menu = useMenu()

  return (
    <div className="shell">
      <a className="skip" href="#main">
        To the page
      </a>
      <nav
        ref={menu.nav}
        className="side"
        id="side"
        aria-label="Console"
        data-open={menu.isOpen}
        onKeyDown={(event) => event.key === 'Escape' && menu.close()}
      >
        <Link className="brand" to="/">
          <Mark />
          Towpath
        </Link>
        <div className="nav">
          {PAGES.map(({ to, name, icon, begins }) => (
            <Link
              key={to}
              to={to}
              activeOptions={{ exact: to === '/', includeSearch: false }}
              data-begins={begins}
            >
              {icon}
              {name}
            </Link>
          ))}
          <a href="/docs">
            <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
              <path
                d="M5 4 1.5 8 5 12m6-8 3.500 4L11 12M9 3 7 13"
                fill="none"
                stroke="currentColor"
                strokeWidth="1.5"
              />
            </svg>
            API
          </a>
        </div>
        <Foot />
      </nav>
      <header className="bar">
        <button
          ref={menu.button}
          type="button"
          className="button menu-button"
          aria-label="Menu"
          aria-expanded={menu.isOpen}
          aria-controls="side"
          onClick={menu.toggle}
        >
          ☰
        </button>
        <button type="button" className="finder" onClick={openPalette}>
          <span className="clip">Find an app or an action</span>
          <kbd>Ctrl K</kbd>
        </button>
        <span className="gap" />
        <LiveMark />
        <button
          type="button"
          className="button"
          data-tone="quiet"
          aria-label="Keys and help"
          onClick={openHelp}
        >
          ?
        </button>
      </header>
      {menu.isOpen && <div className="behind-menu" aria-hidden="true" onPointerDown={menu.close} />}
      <main className="main" id="main" tabIndex={-1}>
        <Whole>
          <Outlet />
        </Whole>
      </main>
      <Titles />
      <Toasts />
      <Asking />
      {open === 'palette' && <Palette close={close} />}
      {open === 'help' && <Help close={close} />}
    </div>
  )
}

/** The navigation where there is little room: it takes the focus, and gives it back. */
function useMenu() {
  const [isOpen, setOpen] = useState(false)
  const nav = useRef<HTMLElement>(null)
  const button = useRef<HTMLButtonElement>(null)
  const path = useRouterState({ select: ({ location }) => location.pathname })
  useEffect(() => setOpen(false), [path])
  useEffect(() => {
    if (isOpen) nav.current?.querySelector('a')?.focus()
  }, [isOpen])
  const close = () => {
    if (!isOpen) return
    setOpen(false)
    button.current?.focus()
  }
  return { isOpen, nav, button, close, toggle: () => setOpen(!isOpen) }
}

/** What had the focus may be gone with the page before: then the page itself has it, and the next Tab is inside. */
function useFocusOnNewPages(): void {
  const router = useRouter()
  useEffect(
    () =>
      router.subscribe('onRendered', ({ fromLocation, pathChanged }) => {
        if (fromLocation && pathChanged && document.activeElement === document.body)
          document.getElementById('main')?.focus({ preventScroll: true })
      }),
    [router],
  )
}

function Foot() {
  const { data: me } = useQuery(queries.me())
  const theme = useChoice('theme')
  const view = useChoice('view')
  return (
    <footer>
      <label>
        View for
        <select value={view} onChange={(event) => choose('view', event.target.value as typeof view)}>
          {optionsOf('view').map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
      <label>
        Theme
        <select value={theme} onChange={(event) => choose('theme', event.target.value as typeof theme)}>
          {optionsOf('theme').map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
      <form method="post" action="/sign-out" onSubmit={endFollowing}>
        <p className="clip soft">{me ? me.name : '\u00a0'}</p>
        <button type="submit" className="button" data-tone="quiet">
          Sign out
        </button>
      </form>
    </footer>
  )
}

function LiveMark() {
  const { state, asOf } = useLive()
  const now = useNow()
  const words = {
    live: 'live',
    connecting: 'connecting',
    stale: `not live: as of ${asOf === 0 ? 'never' : ago((now - asOf) / 1000)}, trying again`,
  }
  return (
    <span className="live" data-state={state} role="status" title="Whether what you see moves by itself">
      {words[state]}
    </span>
  )
}

function Mark() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" fill="#0b6b4f" />
      <path
        d="M6 22c6 0 6-4 10-4s4 4 10 4M9 14l7-6 7 6"
        fill="none"
        stroke="#fff"
        strokeWidth="3"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  )
}
