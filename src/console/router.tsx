/** Addresses and their pages. Each page is loaded when it is first opened, and what it reads is asked for meanwhile. */
import type { QueryClient } from '@tanstack/react-query'
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  Link,
  lazyRouteComponent,
} from '@tanstack/react-router'
import type { TowError } from '../api/errors.ts'
import { queries } from './live/queries.ts'
import { Empty, Loading, Problem } from './parts/parts.tsx'
import { Shell } from './shell/shell.tsx'

interface Context {
  client: QueryClient
}

const root = createRootRouteWithContext<Context>()({
  component: Shell,
  notFoundComponent: () => (
    <Empty title="There is no page at this address">
      <Link to="/">Home</Link>
    </Empty>
  ),
})

/** From the address: texts alone, and only those that are named. */
function texts<Key extends string>(...keys: Key[]) {
  return (search: Record<string, unknown>): { [key in Key]?: string } =>
    Object.fromEntries(
      keys.flatMap((key) => {
        const value = search[key]
        return value === undefined || value === '' || value === null ? [] : [[key, String(value)]]
      }),
    ) as { [key in Key]?: string }
}

const home = createRoute({
  getParentRoute: () => root,
  path: '/',
  loader: ({ context: { client } }) => {
    void client.prefetchQuery(queries.apps())
    void client.prefetchQuery(queries.doctor())
  },
  component: lazyRouteComponent(() => import('./home/page.tsx'), 'HomePage'),
})
export const fleet = createRoute({
  getParentRoute: () => root,
  path: '/fleet',
  validateSearch: texts('q', 'team', 'engine', 'state'),
  loader: ({ context: { client } }) => {
    void client.prefetchQuery(queries.apps())
    void client.prefetchQuery(queries.environments())
  },
  component: lazyRouteComponent(() => import('./fleet/page.tsx'), 'FleetPage'),
})
const app = createRoute({
  getParentRoute: () => root,
  path: '/apps/$app',
  component: lazyRouteComponent(() => import('./app/first.tsx'), 'FirstPlacePage'),
})
const place = createRoute({
  getParentRoute: () => root,
  path: '/apps/$app/$environment',
  loader: ({ context: { client }, params }) => {
    void client.prefetchQuery(queries.app(params.app))
    void client.prefetchQuery(queries.pipeline())
  },
  component: lazyRouteComponent(() => import('./app/frame.tsx'), 'AppFrame'),
})
const overview = createRoute({
  getParentRoute: () => place,
  path: '/',
  component: lazyRouteComponent(() => import('./app/overview.tsx'), 'OverviewPage'),
})
const releases = createRoute({
  getParentRoute: () => place,
  path: 'releases',
  validateSearch: texts('from', 'to'),
  component: lazyRouteComponent(() => import('./app/releases.tsx'), 'ReleasesPage'),
})
const ship = createRoute({
  getParentRoute: () => place,
  path: 'ship',
  validateSearch: texts('ship'),
  component: lazyRouteComponent(() => import('./ship/page.tsx'), 'ShipPage'),
})
const config = createRoute({
  getParentRoute: () => place,
  path: 'config',
  component: lazyRouteComponent(() => import('./app/config.tsx'), 'ConfigPage'),
})
const runs = createRoute({
  getParentRoute: () => place,
  path: 'runs',
  component: lazyRouteComponent(() => import('./app/runs.tsx'), 'RunsPage'),
})
const domainsOfPlace = createRoute({
  getParentRoute: () => place,
  path: 'domains',
  component: lazyRouteComponent(() => import('./domains/page.tsx'), 'DomainsOfPlace'),
})
const databasesOfPlace = createRoute({
  getParentRoute: () => place,
  path: 'database',
  component: lazyRouteComponent(() => import('./databases/page.tsx'), 'DatabasesOfPlace'),
})
const logs = createRoute({
  getParentRoute: () => place,
  path: 'logs',
  validateSearch: texts('q', 'line', 'process', 'level'),
  component: lazyRouteComponent(() => import('./logs/page.tsx'), 'LogsPage'),
})
const rollout = createRoute({
  getParentRoute: () => root,
  path: '/rollouts/$id',
  loader: ({ context: { client }, params }) => void client.prefetchQuery(queries.rollout(params.id)),
  component: lazyRouteComponent(() => import('./rollout/page.tsx'), 'RolloutPage'),
})
const builds = createRoute({
  getParentRoute: () => root,
  path: '/builds',
  component: lazyRouteComponent(() => import('./build/list.tsx'), 'BuildsPage'),
})
const build = createRoute({
  getParentRoute: () => root,
  path: '/builds/$id',
  component: lazyRouteComponent(() => import('./build/page.tsx'), 'BuildPage'),
})
const spaces = createRoute({
  getParentRoute: () => root,
  path: '/spaces',
  validateSearch: texts('q', 'environment', 'owner', 'state'),
  component: lazyRouteComponent(() => import('./spaces/list.tsx'), 'SpacesPage'),
})
const space = createRoute({
  getParentRoute: () => root,
  path: '/spaces/$space',
  component: lazyRouteComponent(() => import('./spaces/page.tsx'), 'SpacePage'),
})
const timeline = createRoute({
  getParentRoute: () => root,
  path: '/timeline',
  validateSearch: texts('app', 'environment', 'by', 'kind', 'since', 'until', 'at'),
  component: lazyRouteComponent(() => import('./timeline/page.tsx'), 'TimelinePage'),
})
const promote = createRoute({
  getParentRoute: () => root,
  path: '/promote',
  validateSearch: texts('apps', 'to'),
  loader: ({ context: { client } }) => void client.prefetchQuery(queries.apps()),
  component: lazyRouteComponent(() => import('./promote/page.tsx'), 'PromotePage'),
})
const environments = createRoute({
  getParentRoute: () => root,
  path: '/environments',
  component: lazyRouteComponent(() => import('./environments/page.tsx'), 'EnvironmentsPage'),
})
const domains = createRoute({
  getParentRoute: () => root,
  path: '/domains',
  validateSearch: texts('app', 'environment'),
  component: lazyRouteComponent(() => import('./domains/page.tsx'), 'DomainsPage'),
})
const databases = createRoute({
  getParentRoute: () => root,
  path: '/databases',
  component: lazyRouteComponent(() => import('./databases/page.tsx'), 'DatabasesPage'),
})
const drains = createRoute({
  getParentRoute: () => root,
  path: '/drains',
  component: lazyRouteComponent(() => import('./drains/page.tsx'), 'DrainsPage'),
})
const people = createRoute({
  getParentRoute: () => root,
  path: '/people',
  component: lazyRouteComponent(() => import('./people/page.tsx'), 'PeoplePage'),
})
const delivery = createRoute({
  getParentRoute: () => root,
  path: '/delivery',
  validateSearch: texts('environment', 'days'),
  component: lazyRouteComponent(() => import('./delivery/page.tsx'), 'DeliveryPage'),
})

const tree = root.addChildren([
  ...[home, fleet, app, rollout, builds, build, spaces, space, timeline, promote, environments, people],
  ...[delivery, domains, databases, drains],
  place.addChildren([overview, ship, releases, config, runs, logs, domainsOfPlace, databasesOfPlace]),
] as const)

/** Numbers in an address stay as they are written: `q=12` is a text. */
const asText = (search: Record<string, unknown>): string => {
  const pairs = Object.entries(search).flatMap(([key, value]) =>
    value === undefined || value === '' ? [] : [[key, String(value)] as [string, string]],
  )
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs)}`
}

export function createPages(client: QueryClient) {
  return createRouter({
    routeTree: tree,
    context: { client },
    // Queries say themselves what is old: a page asks ahead once, and not with every letter of a search.
    defaultStaleTime: Number.POSITIVE_INFINITY,
    defaultPreload: 'intent',
    scrollRestoration: true,
    defaultPendingComponent: () => <Loading />,
    defaultErrorComponent: ({ error }) => <Problem error={error as TowError} />,
    parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
    stringifySearch: asText,
  })
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createPages>
  }
}
