/** What every sentence of the suite needs: targets of its own, patience, and eyes. */
import { randomBytes } from 'node:crypto'
import type { Artifact } from '../../api/app-spec.ts'
import { LogQuery } from '../../api/logs.ts'
import type { Desired, Engine, JobStatus, Observation, ObservedProcess, Target } from '../engine.ts'
import type { SampleContent } from './sample.ts'

export interface World {
  /** The one that is spoken to now. */
  engine: Engine
  content: SampleContent
  artifact: Artifact
  /** Milliseconds that one state may take to come about. */
  patience: number
  it(sentence: string, body: () => Promise<void>): void
  /** A sentence for engines that have spaces. */
  itWithSpaces(sentence: string, body: () => Promise<void>): void
  /** The caller's side starts anew. */
  reopen(): Promise<void>
  /** Removed when the sentence is over. */
  newTarget(): Target
  /** A copy of its app in a space; removed too. */
  copyOf(target: Target, space: string): Target
  /** With the next generation, which it answers. */
  apply(target: Target, desired: Desired): Promise<number>
  until(target: Target, reached: (seen: Observation) => boolean, what: string): Promise<Observation>
  settle(target: Target, desired: Desired): Promise<Observation>
  gone(target: Target): Promise<void>
  /** As a person here reaches an address. */
  fetch: typeof fetch
  address(target: Target): Promise<string>
  get(target: Target, path?: string): Promise<Response>
  processes(seen: Observation): ObservedProcess[]
  /** Follows until there are enough. */
  lines(target: Target, query: Partial<LogQuery>, enough: (texts: string[]) => boolean): Promise<string[]>
  /** What is there now. */
  collect(target: Target, query: Partial<LogQuery>): Promise<string[]>
  jobEnd(target: Target, key: string): Promise<JobStatus>
  /** Begins to remove every target of the sentence: the next one does not wait for that. */
  cleanUp(): void
  /** Settles when all of that is gone; throws why it is not. */
  cleanedUp(): Promise<void>
}

const LAST_GENERATION = 1_000_000

type Start = Pick<World, 'it' | 'itWithSpaces' | 'content' | 'artifact' | 'engine' | 'fetch'> & {
  open: () => Promise<Engine>
  /** Milliseconds. */
  patience: number
}

/** `start` is read anew at every call: its fields are there only once the suite has begun. */
export function createWorld(start: Start): World {
  const generations = new Map<Target, number>()
  let removals: Promise<void>[] = []

  async function apply(target: Target, desired: Desired): Promise<number> {
    const generation = generations.get(target)! + 1
    generations.set(target, generation)
    await start.engine.apply(target, generation, desired)
    return generation
  }

  async function until(
    target: Target,
    reached: (seen: Observation) => boolean,
    what: string,
  ): Promise<Observation> {
    let last: Observation | undefined
    for await (const seen of start.engine.watch(target, AbortSignal.timeout(start.patience))) {
      last = seen
      if (reached(seen)) return seen
    }
    throw new Error(`never saw ${what}: ${JSON.stringify(last, null, 1)}`)
  }

  async function gone(target: Target): Promise<void> {
    await until(target, (seen) => seen.generation === 0 && seen.sets.length === 0, 'nothing')
  }

  async function vanish(targets: Target[]): Promise<void> {
    for (const target of targets) await start.engine.remove(target, LAST_GENERATION)
    for (const target of targets) await gone(target)
  }

  async function cleanedUp(): Promise<void> {
    await Promise.all(removals)
    removals = []
  }

  async function address(target: Target): Promise<string> {
    return (await start.engine.addresses(target)).public.at(-1)!
  }

  return {
    get engine() {
      return start.engine
    },
    get content() {
      return start.content
    },
    get artifact() {
      return start.artifact
    },
    patience: start.patience,
    it: start.it,
    itWithSpaces: start.itWithSpaces,
    async reopen() {
      await cleanedUp()
      start.engine = await start.open()
    },
    newTarget() {
      const target = { app: `sample-${randomBytes(3).toString('hex')}`, environment: 'stage' }
      generations.set(target, 0)
      return target
    },
    copyOf(target, space) {
      const copy = { ...target, space }
      generations.set(copy, 0)
      return copy
    },
    apply,
    until,
    async settle(target, desired) {
      const generation = await apply(target, desired)
      return until(target, (seen) => seen.generation === generation && seen.settled, 'everything as asked')
    },
    gone,
    address,
    fetch: start.fetch,
    get: async (target, path = '/') =>
      start.fetch(`${await address(target)}${path}`, { headers: { connection: 'close' } }),
    processes: (seen) => seen.sets.flatMap((set) => set.processes),
    async lines(target, query, enough) {
      const found: string[] = []
      const stop = new AbortController()
      const patience = AbortSignal.any([stop.signal, AbortSignal.timeout(start.patience)])
      for await (const line of start.engine.logs(
        target,
        LogQuery.parse({ follow: true, ...query }),
        patience,
      )) {
        found.push(line.text)
        if (enough(found)) stop.abort()
      }
      return found
    },
    async collect(target, query) {
      const found: string[] = []
      const parsed = LogQuery.parse({ ...query })
      for await (const line of start.engine.logs(target, parsed, AbortSignal.timeout(start.patience))) {
        found.push(line.text)
      }
      return found
    },
    async jobEnd(target, key) {
      for (const end = Date.now() + start.patience; Date.now() < end; ) {
        const status = await start.engine.job(target, key)
        if (status && status.state !== 'running') return status
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      throw new Error(`job ${key} never ended`)
    },
    cleanUp() {
      const targets = [...generations.keys()]
      generations.clear()
      const removal = vanish(targets)
      removal.catch(() => {})
      removals.push(removal)
    },
    cleanedUp,
  }
}
