/**
 * The engine port over a model world, for tests in which the engine is not the point. Faults are laid over it: a call
 * can fail before it has an effect, after it, take its time, or the whole engine can be away.
 */
import { TowError } from '../src/api/errors.ts'
import type { LogLine } from '../src/api/logs.ts'
import type {
  Attachment,
  Difference,
  Engine,
  Observation,
  SeenDomain,
  Target,
  WantedDomain,
} from '../src/engines/engine.ts'
import { lineFilter } from '../src/engines/log-filter.ts'
import { createModelWorld, type ModelWorld, modelHost, placeOf } from './model-world.ts'

export type Fault = 'lost-request' | 'lost-answer' | 'hang' | null

export interface ModelEngine extends Engine {
  world: ModelWorld
  /** Lets time pass and wakes whoever watches. */
  advance(milliseconds: number): void
  /** From now on every call fails with this sentence; null: the engine is back. */
  away(reason: string | null): void
  /** Asked before each call. */
  fault(decide: (call: string, target: Target | null) => Fault): void
  /** Calls so far, e.g. `apply web/stage 3`. */
  calls: string[]
  /** Secrets and settings that a set was last applied with. */
  configOf(target: Target, set: string): Record<string, string> | undefined
  addLog(line: LogLine): void
  /** How it sees a domain from now on; otherwise it is taken, and known under `MODEL_ENTRANCE`. */
  seeDomain(host: string, seen: Partial<SeenDomain>): void
  /** What `drift` answers. */
  drifted(differences: Difference[]): void
  /** What `refuses` answers. */
  refuse(message: string | null): void
  /** Names of the spaces that have a place of their own. */
  places(): string[]
}

export const MODEL_ENTRANCE = '192.0.2.1'

export function createModelEngine(world: ModelWorld = createModelWorld()): ModelEngine {
  let away: string | null = null
  let faults: (call: string, target: Target | null) => Fault = () => null
  let refusal: string | null = null
  let differences: Difference[] = []
  const calls: string[] = []
  const waiting = new Set<() => void>()
  const configs = new Map<string, Record<string, string>>()
  const lines: LogLine[] = []
  const domains = new Map<string, readonly WantedDomain[]>()
  const seenDomains = new Map<string, Partial<SeenDomain>>()
  /** Space to its copies there. */
  const apart = new Map<string, Set<string>>()

  function enter({ app, space = '', apart: isApart }: Target): void {
    if (isApart) apart.set(space, new Set([...(apart.get(space) ?? []), app]))
  }

  function leave({ app, space = '' }: Target): void {
    apart.get(space)?.delete(app)
    if (apart.get(space)?.size === 0) apart.delete(space)
  }

  function changed() {
    for (const wake of [...waiting]) wake()
  }

  async function call<T>(name: string, target: Target | null, work: () => T): Promise<T> {
    if (away) throw new TowError('UNAVAILABLE', away)
    const fault = faults(name, target)
    if (fault === 'hang') return new Promise(() => {})
    if (fault === 'lost-request') throw new TowError('UNAVAILABLE', 'the connection broke')
    const answer = work()
    if (fault === 'lost-answer') throw new TowError('UNAVAILABLE', 'the connection broke')
    return answer
  }

  async function* watch(target: Target, signal: AbortSignal): AsyncGenerator<Observation> {
    let owed = true
    let wake = () => {}
    const note = () => {
      owed = true
      wake()
    }
    waiting.add(note)
    signal.addEventListener('abort', note, { once: true })
    try {
      while (!signal.aborted) {
        if (!owed) await new Promise<void>((resolve) => (wake = resolve))
        owed = false
        if (!signal.aborted && !away) yield world.observe(target)
      }
    } finally {
      waiting.delete(note)
    }
  }

  return {
    kind: 'model',
    world,
    calls,
    advance(milliseconds) {
      world.advance(milliseconds)
      changed()
    },
    away(reason) {
      away = reason
      changed()
    },
    fault(decide) {
      faults = decide
    },
    refuse(message) {
      refusal = message
    },
    seeDomain: (host, seen) => void seenDomains.set(host, seen),
    places: () => [...apart.keys()],
    drifted(next) {
      differences = next
    },
    addLog(line) {
      lines.push(line)
      changed()
    },
    configOf: (target, set) => configs.get(`${placeOf(target)}/${set}`),
    async capabilities() {
      return {
        weights: true,
        spaces: true,
        crons: true,
        terminal: true,
        metrics: true,
        cpuLimit: 'advisory',
        memoryLimit: 'advisory',
        platform: { os: 'linux', arch: 'x64' },
        runtimes: [],
      }
    },
    async refuses() {
      return refusal ? { code: 'platform', message: refusal } : null
    },
    async adopt({ reference, port = 8080 }) {
      const pinned = `${reference.replace(/:[^/]*$/, '')}@sha256:${'1'.repeat(64)}`
      const image = { reference: pinned, command: 'serve', port, user: 1000 }
      return { image, platform: { os: 'linux', arch: 'x64' } }
    },
    async refusesDomain(_target, { host }) {
      return host.endsWith('.model') ? { code: 'given', message: `${host} is the model's own` } : null
    },
    async refusesApart({ space }) {
      return space === 'nowhere' ? { code: 'no-place', message: `there is no place for ${space}` } : null
    },
    domains: (target) =>
      call('domains', target, () =>
        (domains.get(placeOf(target)) ?? []).map(({ host }) => ({
          ...{ host, url: `http://${host}`, isTaken: true, expiresAt: null, problems: [] },
          entrances: [MODEL_ENTRANCE],
          ...seenDomains.get(host),
        })),
      ),
    async apply(target, generation, desired) {
      calls.push(`apply ${placeOf(target)} ${generation}`)
      await call('apply', target, () => {
        enter(target)
        world.apply(target, generation, desired)
        domains.set(placeOf(target), desired.domains ?? [])
        for (const set of desired.sets) configs.set(`${placeOf(target)}/${set.id}`, set.config)
      })
      changed()
    },
    async remove(target, generation) {
      calls.push(`remove ${placeOf(target)} ${generation}`)
      await call('remove', target, () => {
        world.remove(target, generation)
        leave(target)
      })
      changed()
    },
    observe: (target) =>
      call('observe', target, () => {
        const { space = '' } = target
        return { ...world.observe(target), ...(apart.has(space) && { place: `a place for ${space}` }) }
      }),
    observeAll: () => call('observeAll', null, () => world.observeAll()),
    watch,
    async addresses(target) {
      return {
        public: [`http://${modelHost(target)}`],
        internal: `http://${target.app}.internal`,
      }
    },
    async *logs(target, query, signal) {
      const wanted = await lineFilter(query)
      let sent = 0
      for (;;) {
        while (sent < lines.length) {
          const line = lines[sent++]
          if (line && line.app === target.app && line.space === target.space && wanted(line)) yield line
        }
        if (!query.follow || signal.aborted) return
        await new Promise<void>((resolve) => {
          const wake = () => {
            waiting.delete(wake)
            resolve()
          }
          waiting.add(wake)
          signal.addEventListener('abort', wake, { once: true })
        })
      }
    },
    async run(target, job) {
      calls.push(`run ${placeOf(target)} ${job.key}`)
      const status = await call('run', target, () => world.run(target, job))
      changed()
      return status
    },
    job: (target, key) => call('job', target, () => world.job(key)),
    async cancel(target, key) {
      await call('cancel', target, () => world.cancel(key))
      changed()
    },
    async attach(target, key): Promise<Attachment> {
      if (!world.job(key)) throw new TowError('NOT_FOUND', `there is no run "${key}" of ${target.app}`)
      return echo(world, key, changed)
    },
    samples: (target) => call('samples', target, () => []),
    async workspace() {
      throw new TowError('UNSUPPORTED', 'the model has no workspaces')
    },
    async forward() {
      throw new TowError('UNSUPPORTED', 'the model does not forward')
    },
    async capacity() {
      return { of: 'the model', cpus: 4, memoryBytes: 2 ** 33 }
    },
    drift: (target) => call('drift', target, () => differences),
    async export() {
      return ''
    },
    async check() {
      return [{ name: 'model', ok: true, message: 'the model is there' }]
    },
    async close() {},
  }
}

/** A job that writes back what it reads, and ends when its input ends. */
function echo(world: ModelWorld, key: string, changed: () => void): Attachment {
  const chunks: { stream: 'stdout' | 'stderr'; data: Uint8Array }[] = []
  let wake = () => {}
  let ended = false
  let finish: () => void = () => {}
  const over = new Promise<void>((resolve) => {
    finish = resolve
  })
  const write = (stream: 'stdout' | 'stderr', data: Uint8Array) => {
    chunks.push({ stream, data })
    wake()
  }
  const end = () => {
    ended = true
    world.advance(3_600_000)
    changed()
    finish()
    wake()
  }
  async function* output() {
    for (;;) {
      const chunk = chunks.shift()
      if (chunk) yield chunk
      else if (ended) return
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  }
  return {
    output: output(),
    write: (data) => write('stdout', data),
    end,
    resize: (columns, rows) => write('stdout', Buffer.from(`${columns}x${rows}`)),
    signal(name) {
      write('stderr', Buffer.from(name))
      end()
    },
    done: over.then(() => world.job(key) ?? { key, state: 'unknown' as const }),
    detach() {
      ended = true
      wake()
    },
  }
}
