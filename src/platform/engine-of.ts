/** Which engine runs an environment: one for all that name its kind, or one of its own where it is bound by settings. */
import type { Check, Engine, EngineBinding, Settings } from '../engines/engine.ts'
import type { KnownEnvironment } from './features/environments/index.ts'

export interface EnginesOptions {
  /** By kind: one engine for every environment of that kind. */
  engines: Readonly<Record<string, Engine>>
  /** By kind: an engine for each environment. Loaded when the first environment asks for it. */
  bindings: Readonly<Record<string, () => Promise<EngineBinding>>>
  environment(name: string): Promise<KnownEnvironment>
  platformId(): Promise<string>
}

interface Bound {
  settings: string
  engine: Promise<Engine>
}

export function createEngines({ engines, bindings, environment, platformId }: EnginesOptions) {
  const bound = new Map<string, Bound>()

  async function letGo(name: string): Promise<void> {
    const known = bound.get(name)
    bound.delete(name)
    await known?.engine.then(
      (engine) => engine.close(),
      () => {},
    )
  }

  async function openOwn(
    name: string,
    binding: () => Promise<EngineBinding>,
    settings: Settings,
  ): Promise<Engine> {
    const text = JSON.stringify(settings)
    const known = bound.get(name)
    if (known?.settings === text) return known.engine
    const made = {
      settings: text,
      engine: (async () => {
        // An environment of that name was removed and is there again, bound to another place.
        await known?.engine.then((engine) => engine.close()).catch(() => {})
        return (await binding()).open(settings, await platformId())
      })(),
    }
    bound.set(name, made)
    made.engine.catch(() => bound.get(name) === made && bound.delete(name))
    return made.engine
  }

  return {
    letGo,
    kinds: [...Object.keys(engines), ...Object.keys(bindings)],
    async of(name: string): Promise<Engine> {
      const { engine: kind, settings } = await environment(name)
      const binding = bindings[kind]
      const found = binding ? await openOwn(name, binding, settings) : engines[kind]
      if (!found) throw new Error(`this platform has no engine "${kind}"`)
      return found
    },
    settle: async (kind: string, given: Settings) => (await (await bindings[kind]?.())?.settle(given)) ?? {},
    /** Null where such an engine looks up no images. */
    lend: async (kind: string, settings: Settings, change: Parameters<EngineBinding['lend']>[1]) =>
      (await bindings[kind]?.())?.lend(settings, change) ?? null,
    facts: async (kind: string, settings: Settings) => (await bindings[kind]?.())?.facts(settings) ?? [],
    async probe(kind: string, settings: Settings): Promise<Check[]> {
      const binding = await bindings[kind]?.()
      const engine = await binding?.open(settings, await platformId())
      try {
        return (await engine?.check()) ?? []
      } finally {
        await engine?.close()
      }
    },
    /** Of every engine: those of their own with the name of their environment. */
    async check(environments: readonly KnownEnvironment[]): Promise<Check[]> {
      const shared = Object.values(engines).map((engine) => engine.check())
      const own = environments
        .filter(({ engine }) => bindings[engine])
        .map(async ({ name, engine, settings }) => {
          const opened = await openOwn(name, bindings[engine]!, settings)
          return (await opened.check()).map((check) => ({ ...check, name: `${name}: ${check.name}` }))
        })
      return (await Promise.all([...shared, ...own])).flat()
    },
    async close(): Promise<void> {
      await Promise.all([...bound.keys()].map(letGo))
    },
  }
}
