/** What pages read, each under one key, so that events can say what is old. Keys about one app begin with `of`. */
import { queryOptions } from '@tanstack/react-query'
import { platform } from '../platform.ts'

/** Milliseconds. What engines see changes without an event: it is looked at again while somebody looks. */
const SEEN_AGAIN = 5000
const ALL_SEEN_AGAIN = 15_000
const MOVING_AGAIN = 1000

interface Place {
  app: string
  environment: string
}

export const queries = {
  me: () => queryOptions({ queryKey: ['me'], queryFn: () => platform.access.whoami(), staleTime: 60_000 }),
  apps: () =>
    queryOptions({
      queryKey: ['apps'],
      queryFn: () => platform.apps.list({}),
      refetchInterval: ALL_SEEN_AGAIN,
    }),
  app: (app: string) =>
    queryOptions({
      queryKey: ['of', app, 'app'],
      queryFn: () => platform.apps.get({ app }),
      refetchInterval: SEEN_AGAIN,
    }),
  pipeline: () => queryOptions({ queryKey: ['pipeline'], queryFn: () => platform.pipelines.get() }),
  environments: () =>
    queryOptions({ queryKey: ['environments'], queryFn: () => platform.environments.list() }),
  checks: (name: string) =>
    queryOptions({
      queryKey: ['checks', name],
      queryFn: () => platform.environments.check({ name }),
      refetchInterval: 60_000,
    }),
  capacity: (name: string) =>
    queryOptions({
      queryKey: ['capacity', name],
      queryFn: () => platform.environments.capacity({ name }),
      refetchInterval: ALL_SEEN_AGAIN,
    }),
  drift: () =>
    queryOptions({ queryKey: ['drift'], queryFn: () => platform.drift.list(), refetchInterval: 60_000 }),
  doctor: () =>
    queryOptions({ queryKey: ['doctor'], queryFn: () => platform.system.doctor(), refetchInterval: 60_000 }),
  status: () =>
    queryOptions({ queryKey: ['status'], queryFn: () => platform.system.status(), staleTime: 60_000 }),
  people: () => queryOptions({ queryKey: ['people'], queryFn: () => platform.people.list() }),
  whoMay: (places: Place[]) =>
    queryOptions({
      queryKey: ['people', 'may', places],
      queryFn: () => platform.people.whoMay({ places }),
      enabled: places.length > 0,
      staleTime: 60_000,
    }),
  teams: () => queryOptions({ queryKey: ['teams'], queryFn: () => platform.teams.list() }),
  tokens: () => queryOptions({ queryKey: ['tokens'], queryFn: () => platform.tokens.list() }),
  events: (filter: Parameters<typeof platform.events.list>[0]) =>
    queryOptions({ queryKey: ['events', filter], queryFn: () => platform.events.list(filter) }),
  releases: ({ app, environment }: Place) =>
    queryOptions({
      queryKey: ['of', app, environment, 'releases'],
      queryFn: () => platform.releases.list({ app, environment, limit: 100 }),
    }),
  differences: ({ app, environment, from, to }: Place & { from: number; to: number }) =>
    queryOptions({
      queryKey: ['differences', app, environment, from, to],
      queryFn: () => platform.releases.diff({ app, environment, from, to }),
      staleTime: Number.POSITIVE_INFINITY,
    }),
  rollbackPlan: ({ app, environment, to }: Place & { to: number }) =>
    queryOptions({
      queryKey: ['of', app, environment, 'rollback', to],
      queryFn: () => platform.releases.rollback({ app, environment, to, plan: true }),
    }),
  processes: ({ app, environment, isMoving = false }: Place & { isMoving?: boolean }) =>
    queryOptions({
      queryKey: ['of', app, environment, 'processes'],
      queryFn: () => platform.processes.list({ app, environment }),
      refetchInterval: isMoving ? MOVING_AGAIN : SEEN_AGAIN,
    }),
  samples: ({ app, environment }: Place) =>
    queryOptions({
      queryKey: ['of', app, environment, 'samples'],
      queryFn: () => platform.processes.samples({ app, environment }),
      refetchInterval: 15_000,
    }),
  config: ({ app, environment }: Place) =>
    queryOptions({
      queryKey: ['of', app, environment, 'config'],
      queryFn: () => platform.config.list({ app, environment }),
    }),
  runs: ({ app, environment }: Place) =>
    queryOptions({
      queryKey: ['of', app, environment, 'runs'],
      queryFn: () => platform.processes.listRuns({ app, environment }),
    }),
  rollouts: ({ app, environment }: Place) =>
    queryOptions({
      queryKey: ['of', app, environment, 'rollouts'],
      queryFn: () => platform.rollouts.list({ app, environment, limit: 20 }),
    }),
  rollout: (id: string) =>
    queryOptions({
      queryKey: ['rollout', id],
      queryFn: () => platform.rollouts.get({ id }),
      refetchInterval: ({ state }) => (state.data?.endedAt ? false : MOVING_AGAIN),
    }),
  why: ({ app, environment }: Place) =>
    queryOptions({
      queryKey: ['of', app, environment, 'why'],
      queryFn: () => platform.events.why({ app, environment }),
    }),
  spaces: () =>
    queryOptions({
      queryKey: ['spaces'],
      queryFn: () => platform.spaces.list({}),
      refetchInterval: ALL_SEEN_AGAIN,
    }),
  space: (space: string) =>
    queryOptions({
      queryKey: ['space', space],
      queryFn: () => platform.spaces.get({ space }),
      // One that is gone does not come back by looking.
      refetchInterval: ({ state }) => (state.error ? false : SEEN_AGAIN),
    }),
  spacePlan: (space: string) =>
    queryOptions({ queryKey: ['space-plan', space], queryFn: () => platform.spaces.plan({ space }) }),
  spaceLinks: (space: string) =>
    queryOptions({
      queryKey: ['space-links', space],
      queryFn: () => platform.spaces.links({ space }),
      staleTime: 60_000,
    }),
  invitations: (space: string) =>
    queryOptions({
      queryKey: ['space-invitations', space],
      queryFn: () => platform.spaces.invitations({ space }),
    }),
  builds: (app?: string) =>
    queryOptions({
      queryKey: ['builds', app ?? ''],
      queryFn: () => platform.builds.list({ ...(app === undefined ? {} : { app }), limit: 100 }),
    }),
  build: (id: string) =>
    queryOptions({
      queryKey: ['build', id],
      queryFn: () => platform.builds.get({ id }),
      refetchInterval: ({ state }) => (state.data?.endedAt ? false : MOVING_AGAIN),
    }),
  shipsOfBuild: (id: string) =>
    queryOptions({ queryKey: ['build', id, 'ships'], queryFn: () => platform.ships.ofBuild({ id }) }),
  buildLog: (id: string, isOver: boolean) =>
    queryOptions({
      queryKey: ['build-log', id],
      queryFn: () => platform.builds.log({ id }),
      refetchInterval: isOver ? false : MOVING_AGAIN,
    }),
  domains: (of: Partial<Place>) =>
    queryOptions({
      queryKey: ['domains', of.app ?? '', of.environment ?? ''],
      queryFn: () => platform.domains.list(of),
      // Zones and certificates are changed elsewhere.
      refetchInterval: ALL_SEEN_AGAIN,
    }),
  databases: () => queryOptions({ queryKey: ['databases'], queryFn: () => platform.needs.list() }),
  dumps: () =>
    queryOptions({
      queryKey: ['dumps'],
      queryFn: () => platform.dumps.list(),
      refetchInterval: ({ state }) =>
        state.data?.some((dump) => dump.state === 'taking') ? MOVING_AGAIN : false,
    }),
  drains: () =>
    queryOptions({
      queryKey: ['drains'],
      queryFn: () => platform.drains.list({}),
      refetchInterval: SEEN_AGAIN,
    }),
  branches: (app: string) =>
    queryOptions({
      queryKey: ['branches', app],
      queryFn: () => platform.git.branches({ app }),
      refetchInterval: ALL_SEEN_AGAIN,
    }),
  ship: (id: string) =>
    queryOptions({
      queryKey: ['ship', id],
      queryFn: () => platform.ships.get({ id }),
      refetchInterval: ({ state }) => (state.data?.endedAt ? false : MOVING_AGAIN),
    }),
  plan: (apps: string[], to: string) =>
    queryOptions({
      queryKey: ['plan', to, ...apps],
      queryFn: () => platform.pipelines.plan({ apps, to }),
    }),
  delivery: (environment: string | undefined, days: number) =>
    queryOptions({
      queryKey: ['delivery', environment ?? '', days],
      queryFn: () =>
        platform.delivery.figures({ ...(environment === undefined ? {} : { environment }), days }),
    }),
}
