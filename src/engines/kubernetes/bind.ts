/** An environment bound to a cluster: what a person gives becomes settings, and settings become an engine. */
import * as z from 'zod'
import { TowError } from '../../api/errors.ts'
import { type CredentialSource, createImages, createLookup } from '../../images/index.ts'
import type { ContentSource, EngineBinding } from '../engine.ts'
import { architectureOf } from './architecture.ts'
import { findGateway } from './checks/gateways.ts'
import { type Cluster, connectCluster } from './cluster/connect.ts'
import { createKubernetesEngine } from './engine.ts'
import { createRegistryImages } from './registry-images.ts'
import { KubernetesSettings } from './settings.ts'

const Place = z
  .string()
  .max(400)
  .regex(/^[a-z0-9.-]+(:\d+)?(\/[a-z0-9][a-z0-9._/-]*)?$/, 'like registry.example.com/team')

const Binding = KubernetesSettings.extend({
  /** `registry.example.com/team`: each app gets a repository of its own in it. */
  registry: Place,
  /** Registries, or folders in them, beside that one, for which whoever ships may use the platform's logins. */
  lendLogins: z.array(Place).max(50).default([]),
  /** Spoken to without TLS. */
  plainRegistry: z.boolean().default(false),
  /** Base images by language. */
  bases: z.partialRecord(z.enum(['node', 'python', 'ruby', 'none']), z.string().min(1).max(500)).default({}),
}).strict()
type Binding = z.infer<typeof Binding>

export interface KubernetesBindingOptions {
  content: ContentSource
  /** Folder of THE chart. */
  chart: string
  /** Where rendered manifests are kept. */
  cache: string
  /** The PATH of the person, where helm is looked for. */
  path: string
  credentials: CredentialSource
}

export function kubernetesBinding(options: KubernetesBindingOptions): EngineBinding {
  const { content, chart, cache, path, credentials } = options
  return {
    async settle(given) {
      const settings = parse(given)
      return withCluster(settings, async (cluster) => {
        const arch = settings.arch ?? (await architectureOf(cluster))
        const needsGateway = settings.domain !== null && settings.gateways.length === 0
        return {
          ...settings,
          arch,
          gateways: needsGateway ? [await findGateway(cluster)] : settings.gateways,
        }
      })
    },
    lend(given, { lend, takeBack }) {
      const { lendLogins } = Binding.parse(given)
      const unknown = takeBack.find((place) => !lendLogins.includes(place))
      if (unknown !== undefined) throw notLent(unknown, lendLogins)
      const wrong = lend.find((place) => !Place.safeParse(place).success)
      if (wrong !== undefined) throw noPlace(wrong)
      const left = lendLogins.filter((place) => !takeBack.includes(place))
      return parse({ ...given, lendLogins: [...new Set([...left, ...lend])] })
    },
    facts(given) {
      const { context, namespace, registry, lendLogins, domain, scheme, port, gateways } =
        Binding.parse(given)
      const urls = `${scheme}://<app>.${domain}${port === undefined ? '' : `:${port}`}`
      return [
        { name: 'cluster', value: context },
        { name: 'namespace', value: namespace },
        { name: 'registry', value: registry },
        ...lendLogins.map((value) => ({ name: 'login lent for', value })),
        ...(domain === null ? [] : [{ name: 'apps', value: urls }]),
        ...gateways.map((one) => ({ name: 'gateway', value: `${one.namespace ?? namespace}/${one.name}` })),
      ]
    },
    async open(given, platform) {
      const { registry, lendLogins, plainRegistry, bases, ...settings } = Binding.parse(given)
      const plainHttp = plainRegistry ? [registry.split('/')[0]!] : []
      const arch = settings.arch ?? 'x64'
      const images = createImages({ credentials, plainHttp })
      const anonymous = createImages({ credentials: async () => null, plainHttp })
      return createKubernetesEngine({
        ...{ settings, platform, content, chart, cache, path },
        images: createRegistryImages({
          images,
          lookUp: createLookup({ images, anonymous, lentTo: [registry, ...lendLogins] }),
          ...{ registry, bases, content },
          platform: async () => ({ os: 'linux', arch }),
        }),
      })
    },
  }
}

function notLent(place: string, lent: readonly string[]): TowError {
  const there = lent.length === 0 ? 'no login is lent' : `they are lent for ${lent.join(', ')}`
  return new TowError('NOT_FOUND', `logins are not lent for ${place}; ${there}`, { hint: 'tow env' })
}

const noPlace = (place: string) =>
  new TowError('BAD_INPUT', `"${place}" is no registry, nor a folder in one`, { hint: 'like ghcr.io/team' })

async function withCluster<T>(settings: Binding, work: (cluster: Cluster) => Promise<T>): Promise<T> {
  const cluster = await connectCluster(settings)
  try {
    return await work(cluster)
  } finally {
    cluster.close()
  }
}

function parse(given: Readonly<Record<string, unknown>>): Binding {
  const read = Binding.safeParse({ ...given, ...splitDomain(given.domain) })
  if (read.success) return read.data
  const { path, message } = read.error.issues[0]!
  const name = path.join('.')
  const value = given[String(path[0])]
  if (value === undefined && path.length === 1)
    throw new TowError('BAD_INPUT', `an environment on Kubernetes needs its ${name}`, {
      hint: `--${name} ...`,
    })
  throw new TowError('BAD_INPUT', `${name || 'the settings'}: ${message}`, { hint: 'tow env add --help' })
}

/** `apps.example.com`, or with how people reach it: `https://apps.example.com:8443`. */
function splitDomain(domain: unknown): { domain?: unknown; scheme?: string; port?: number } {
  const parts = typeof domain === 'string' ? /^(https?):\/\/([^/:]+)(?::(\d+))?\/?$/.exec(domain) : null
  if (!parts) return {}
  const [, scheme = 'http', name, port] = parts
  return { domain: name, scheme, ...(port === undefined ? {} : { port: Number(port) }) }
}
