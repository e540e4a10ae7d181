/** What an event makes old is read anew: at once where few come, and now and then where they come by thousands. */
import type { QueryClient } from '@tanstack/react-query'
import type { Event } from '../../api/events.ts'
import { platform } from '../platform.ts'
import { onEvent } from './follow.ts'

/** Milliseconds that events are gathered for. */
const GATHERED = 150
/** Where so many were gathered, the next are gathered for longer. */
const MANY = 40
const GATHERED_OF_MANY = 2500
/** So many apps are read one by one; more, as one list. */
const ONE_BY_ONE = 6

/** First words of the keys of queries, by the first word of an event's kind. */
const ABOUT_ALL: Record<string, string[]> = {
  environment: ['environments', 'pipeline', 'apps'],
  person: ['people'],
  team: ['people', 'teams'],
  token: ['tokens'],
  build: ['builds', 'build'],
  ship: ['builds', 'build'],
  space: ['spaces', 'space', 'space-plan', 'space-links', 'space-invitations'],
  // What is below a space changes what differs from it.
  rollout: ['space-plan'],
  config: ['space-plan'],
  drift: ['drift'],
  domain: ['domains'],
  drain: ['drains'],
  need: ['databases'],
  dump: ['dumps'],
  app: ['databases', 'domains'],
}

export function refreshByEvents(queries: QueryClient): void {
  let gathered: Event[] = []
  let isWaiting = false
  let isBusy = false

  function flush(): void {
    const events = gathered
    gathered = []
    isWaiting = false
    isBusy = events.length > MANY
    void refresh(queries, events)
  }

  onEvent((event) => {
    gathered.push(event)
    if (isWaiting) return
    isWaiting = true
    setTimeout(flush, isBusy ? GATHERED_OF_MANY : GATHERED)
  })
}

async function refresh(queries: QueryClient, events: readonly Event[]): Promise<void> {
  const words = new Set(['events', ...events.flatMap(({ kind }) => ABOUT_ALL[kind.split('.')[0]!] ?? [])])
  const apps = new Set(events.flatMap(({ app }) => app ?? []))
  void queries.invalidateQueries({
    predicate: ({ queryKey: [word, about] }) =>
      words.has(String(word)) || (word === 'of' && apps.has(String(about))) || word === 'rollout',
  })
  if (apps.size === 0) return
  const isGone = events.some(({ kind }) => kind === 'app.removed')
  if (apps.size > ONE_BY_ONE || isGone || !queries.getQueryData(['apps'])) {
    void queries.invalidateQueries({ queryKey: ['apps'] })
    return
  }
  const read = await Promise.allSettled([...apps].map((app) => platform.apps.get({ app })))
  const found = read.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  queries.setQueryData<Awaited<ReturnType<typeof platform.apps.list>>>(['apps'], (before = []) => {
    const fresh = new Map(found.map((app) => [app.name, app]))
    const kept = before.map((app) => fresh.get(app.name) ?? app)
    const added = found.filter(({ name }) => !before.some((app) => app.name === name))
    return [...kept, ...added].sort((one, other) => (one.name < other.name ? -1 : 1))
  })
}
