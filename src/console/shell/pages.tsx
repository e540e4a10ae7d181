/** The pages that the navigation, the palette and the keys lead to. */
import type { ReactNode } from 'react'

export interface PageLink {
  to:
    | '/'
    | '/fleet'
    | '/spaces'
    | '/timeline'
    | '/builds'
    | '/promote'
    | '/environments'
    | '/people'
    | '/delivery'
    | '/domains'
    | '/databases'
    | '/drains'
  name: string
  /** After `g`. */
  key: string
  icon: ReactNode
  /** What follows is less of every day. */
  begins?: true
}

const icon = (path: string) => (
  <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
    <path
      d={path}
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
    />
  </svg>
)

export const PAGES: readonly PageLink[] = [
  { to: '/', name: 'Home', key: 'h', icon: icon('M2.5 7 8 2.5 13.5 7v6.5h-4V9.5h-3v4h-4Z') },
  { to: '/fleet', name: 'Fleet', key: 'f', icon: icon('M2 3h5v4H2zM9 3h5v4H9zM2 9h5v4H2zM9 9h5v4H9z') },
  { to: '/spaces', name: 'Spaces', key: 's', icon: icon('M2.5 2.5h8v8h-8zM5.5 13.500h8v-8') },
  { to: '/promote', name: 'Promote', key: 'p', icon: icon('M8 13V3m0 0L4 7m4-4 4 4') },
  {
    to: '/timeline',
    name: 'Timeline',
    key: 't',
    icon: icon('M8 4v4l2.5 2M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0Z'),
  },
  { to: '/builds', name: 'Builds', key: 'b', icon: icon('m2 5 6-3 6 3v6l-6 3-6-3ZM2 5l6 3 6-3M8 8v6') },
  { to: '/delivery', name: 'Delivery', key: 'd', icon: icon('M2 13V9m4 4V5m4 8V7m4 6V3') },
  {
    to: '/environments',
    name: 'Environments',
    key: 'e',
    icon: icon('M2 4h12M2 8h12M2 12h12M5 4v0M5 8v0'),
    begins: true,
  },
  {
    to: '/domains',
    name: 'Domains',
    key: 'm',
    icon: icon(
      'M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0ZM2 8h12M8 2c2 1.800 2.600 3.800 2.600 6S10 12.200 8 14C6 12.200 5.400 10.200 5.400 8S6 3.800 8 2Z',
    ),
  },
  {
    to: '/databases',
    name: 'Databases',
    key: 'a',
    icon: icon(
      'M3 4.200c0-1.200 2.200-2 5-2s5 .8 5 2-2.200 2-5 2-5-.8-5-2Zm0 0v7.600c0 1.200 2.200 2 5 2s5-.8 5-2V4.200M3 8c0 1.200 2.200 2 5 2s5-.8 5-2',
    ),
  },
  { to: '/drains', name: 'Log drains', key: 'l', icon: icon('M2 4h7M2 8h5M2 12h7M10 8h4m0 0-2-2m2 2-2 2') },
  {
    to: '/people',
    name: 'People',
    key: 'o',
    icon: icon('M8 8a2.8 2.8 0 1 0 0-5.6A2.8 2.8 0 0 0 8 8ZM2.5 14c.6-2.6 2.8-4 5.5-4s4.900 1.400 5.500 4'),
  },
]

/** What there is of one app in one environment; the first is where its name leads. */
export const APP_PAGES = [
  ['overview', 'Overview', '/apps/$app/$environment'],
  ['ship', 'Ship', '/apps/$app/$environment/ship'],
  ['releases', 'Releases', '/apps/$app/$environment/releases'],
  ['config', 'Config', '/apps/$app/$environment/config'],
  ['logs', 'Logs', '/apps/$app/$environment/logs'],
  ['runs', 'Runs and crons', '/apps/$app/$environment/runs'],
  ['domains', 'Domains', '/apps/$app/$environment/domains'],
  ['database', 'Database', '/apps/$app/$environment/database'],
] as const
