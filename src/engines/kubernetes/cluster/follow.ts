/**
 * The objects of one kind, as the API server tells of them: a list, then a watch from where the list was, anew when
 * the watch ends or has expired. What is here is as old as `heardAt` says: nothing is made up while the server is away.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type Cluster, ClusterError, hasStatus } from './connect.ts'
import { collectionPath, type KindName, type KubeObject } from './kinds.ts'

export interface Followed<Item extends KubeObject> {
  all(): Item[]
  get(name: string): Item | null
  /** Takes in what a write answered, so that nobody has to wait for the watch to tell it. */
  put(item: Item): void
  drop(name: string): void
  /** Settles when the first list is there. */
  synced: Promise<void>
  /** When the server was last heard of, in milliseconds; 0 before the first list. */
  heardAt(): number
  /** A watch is under way: what changes is told at once. */
  isOpen(): boolean
  /** The kind is not there, or may not be read. */
  missing(): string | null
}

export interface FollowOptions {
  labelSelector?: string
  fieldSelector?: string
  signal: AbortSignal
  changed: (name: string, before: KubeObject | null, after: KubeObject | null) => void
}

/** The server ends a watch after so long; one that is silent for longer than this and a bit is dead. */
const WATCH_SECONDS = 290
const SILENCE_MILLISECONDS = (WATCH_SECONDS + 30) * 1000
const LONGEST_PAUSE = 5000
/** A kind that is not installed or not allowed may be there later. */
const MISSING_PAUSE = 60_000

interface WatchEvent<Item> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  object: Item & { code?: number; message?: string; reason?: string }
}

export function follow<Item extends KubeObject>(
  cluster: Cluster,
  kind: KindName,
  options: FollowOptions,
): Followed<Item> {
  const { signal, changed } = options
  const path = collectionPath(kind, cluster.namespace)
  const selectors = { labelSelector: options.labelSelector, fieldSelector: options.fieldSelector }
  const items = new Map<string, Item>()
  const first = Promise.withResolvers<void>()
  let heard = 0
  let missing: string | null = null
  let open = false

  function take(item: Item): void {
    const { name } = item.metadata
    const before = items.get(name) ?? null
    if (before && isNewer(before, item)) return
    items.set(name, item)
    changed(name, before, item)
  }

  function drop(name: string): void {
    const before = items.get(name)
    if (!before) return
    items.delete(name)
    changed(name, before, null)
  }

  /** Another of the same name may have been made since. */
  function dropSame({ metadata }: Item): void {
    if (items.get(metadata.name)?.metadata.uid === metadata.uid) drop(metadata.name)
  }

  async function list(): Promise<string> {
    const answer = await cluster.request<{ metadata: { resourceVersion: string }; items: Item[] }>(
      'GET',
      path,
      {
        query: selectors,
        signal,
      },
    )
    heard = Date.now()
    missing = null
    const there = new Set(answer.items.map((item) => item.metadata.name))
    for (const name of [...items.keys()]) if (!there.has(name)) drop(name)
    for (const item of answer.items) take(item)
    first.resolve()
    return answer.metadata.resourceVersion
  }

  async function watch(resourceVersion: string): Promise<void> {
    const ending = new AbortController()
    const either = AbortSignal.any([signal, ending.signal])
    const query = {
      ...selectors,
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion,
      timeoutSeconds: WATCH_SECONDS,
    }
    let silence = setTimeout(() => ending.abort(), SILENCE_MILLISECONDS)
    try {
      const stream = await cluster.stream(path, query, either)
      open = true
      for await (const line of linesOf(stream)) {
        clearTimeout(silence)
        silence = setTimeout(() => ending.abort(), SILENCE_MILLISECONDS)
        heard = Date.now()
        const event = JSON.parse(line) as WatchEvent<Item>
        if (event.type === 'ERROR') throw new ClusterError(event.object.code ?? 0, event.object, 'watch')
        if (event.type === 'DELETED') dropSame(event.object)
        else if (event.type !== 'BOOKMARK') take(event.object)
        version = event.object.metadata.resourceVersion ?? version
      }
    } finally {
      open = false
      clearTimeout(silence)
      ending.abort()
    }
  }

  let version = ''
  async function run(): Promise<void> {
    let failures = 0
    while (!signal.aborted) {
      try {
        if (version === '') version = await list()
        await watch(version)
        failures = 0
      } catch (error) {
        if (signal.aborted) return
        // What it knows is too old to go on from: the list is read anew.
        if (hasStatus(error, 410)) version = ''
        if (hasStatus(error, 403, 404)) {
          missing = error.message
          version = ''
          first.resolve()
        }
        failures += 1
        const pause = missing ? MISSING_PAUSE : Math.min(LONGEST_PAUSE, 100 * 2 ** failures)
        await delay(pause, undefined, { signal }).catch(() => {})
      }
    }
  }
  void run()

  return {
    all: () => [...items.values()],
    get: (name) => items.get(name) ?? null,
    put: take,
    drop,
    synced: first.promise,
    heardAt: () => heard,
    isOpen: () => open,
    missing: () => missing,
  }
}

/** True when what is known is newer than what is told: an answer to a write may be overtaken by the watch. */
function isNewer(known: KubeObject, told: KubeObject): boolean {
  if (known.metadata.uid !== told.metadata.uid) return false
  const [a, b] = [known.metadata.resourceVersion, told.metadata.resourceVersion]
  return a !== undefined && b !== undefined && BigInt(a) > BigInt(b)
}

async function* linesOf(stream: AsyncIterable<unknown>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    rest += decoder.decode(chunk as Buffer, { stream: true })
    const lines = rest.split('\n')
    rest = lines.pop() as string
    for (const line of lines) if (line !== '') yield line
  }
}
