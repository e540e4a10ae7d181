/**
 * Who speaks to the cluster: the person's kubeconfig, read and never written. The library that reads it also runs login
 * programs and renews tokens. It is loaded when it is first needed: half a second and 100 MB that nobody pays who ships
 * to this machine alone.
 */
import type { RequestOptions } from 'node:https'
import { TowError } from '../../../api/errors.ts'

export interface ClusterOptions {
  /** Path of the kubeconfig; several, with colons between, are merged as kubectl does. */
  kubeconfig: string
  /** Name of a context in it. */
  context: string
  namespace: string
}

export interface Login {
  /** Of the API server; ends in `/`. */
  base: URL
  /** What every request carries: certificates, headers, and an agent that keeps its connections. */
  authorised(): Promise<RequestOptions>
}

/** Tokens are asked for again after so long; the library keeps those that are still good. */
const FRESH_MILLISECONDS = 30_000

export async function readLogin(options: ClusterOptions): Promise<Login> {
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  try {
    const [first, ...others] = options.kubeconfig.split(':').filter((path) => path !== '')
    config.loadFromFile(first ?? '')
    for (const path of others) {
      const other = new KubeConfig()
      other.loadFromFile(path)
      config.mergeConfig(other, true)
    }
  } catch (error) {
    const why = (error as Error).message
    throw new TowError('BAD_INPUT', `the kubeconfig ${options.kubeconfig} cannot be read: ${why}`)
  }
  if (!config.getContextObject(options.context)) throw noContext(options, config.getContexts())
  config.setCurrentContext(options.context)
  const server = config.getCurrentCluster()?.server ?? ''
  if (server === '') throw noContext(options, config.getContexts())
  let known: { at: number; options: Promise<RequestOptions> } | null = null

  return {
    base: new URL(server.endsWith('/') ? server : `${server}/`),
    authorised() {
      if (known && Date.now() - known.at < FRESH_MILLISECONDS) return known.options
      const before = known?.options
      const options = (async () => {
        const fresh: RequestOptions = {}
        await config.applyToHTTPSOptions(fresh)
        const kept = await before?.catch(() => null)
        // An agent for every call would shake hands for every call.
        if (kept?.agent && String(kept.cert) === String(fresh.cert)) fresh.agent = kept.agent
        else if (fresh.agent) Object.assign(fresh.agent, { keepAlive: true })
        return fresh
      })()
      known = { at: Date.now(), options }
      options.catch(() => {
        known = null
      })
      return options
    },
  }
}

function noContext(options: ClusterOptions, contexts: { name: string }[]): TowError {
  const names = contexts.map((one) => one.name).join(', ')
  return new TowError(
    'BAD_INPUT',
    `the kubeconfig ${options.kubeconfig} has no usable context "${options.context}"; it has ${names || 'none'}`,
    { hint: 'kubectl config get-contexts' },
  )
}
