/** A Kubernetes engine in a namespace of its own on a real cluster, for tests; with no more rights than charts/access. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, type RequestOptions, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { stringify } from 'yaml'
import { createImages } from '../../images/index.ts'
import type { ContentSource, Engine } from '../engine.ts'
import { type Cluster, connectCluster, hasStatus } from './cluster/connect.ts'
import type { KubeObject } from './cluster/kinds.ts'
import { collectionPath } from './cluster/kinds.ts'
import { createKubernetesEngine } from './engine.ts'
import { createRegistryImages } from './registry-images.ts'
import { KubernetesSettings } from './settings.ts'
import { createCaller } from './test-caller.ts'

const { env } = process
/** Why the cluster's part is skipped, or null. */
export const withoutCluster =
  env.TOW_TEST_KUBECONFIG === undefined
    ? 'TOW_TEST_KUBECONFIG names no cluster'
    : env.PATH?.split(':').some((folder) => existsSync(join(folder, 'helm')))
      ? null
      : 'helm is not on the PATH'

/** All that another process needs to know to open the same engine. */
export interface EngineFacts {
  kubeconfig: string
  namespace: string
  /** Apps answer at names under it: of two routes for one name the older one is served, whatever namespace it lies in. */
  domain: string
  cache: string
  platform?: string
  settings?: Partial<KubernetesSettings>
}

export interface TestCluster {
  facts: EngineFacts
  /** As an administrator, in the namespace. */
  admin: Cluster
  namespace: string
  /** Runs as the ServiceAccount of charts/access alone. */
  kubeconfig: string
  engine(
    content: ContentSource,
    options?: { platform?: string; kubeconfig?: string; settings?: Partial<KubernetesSettings> },
  ): Engine
  fetch: typeof fetch
  /** Prepares a namespace that a full space may take, as an operator does; answers with its name. */
  prepare(): Promise<string>
  /** Gives a manifest to the API server as an administrator. */
  post(path: string, body: object): Promise<unknown>
  dispose(): Promise<void>
}

/** As long as the chart has it: where every lost request counts. Elsewhere tests wait less for who leaves. */
export const AS_DRAINED = { settings: { values: {} } }

const chart = (name: string) => fileURLToPath(new URL(`../../../charts/${name}`, import.meta.url))

/** Where the tests' cluster is, and the address of its Gateway. */
export interface TestPlace {
  kubeconfig: string
  gateway: string
}

const FIRST: TestPlace = {
  kubeconfig: env.TOW_TEST_KUBECONFIG as string,
  gateway: env.TOW_TEST_GATEWAY as string,
}

/**
 * With no right outside the namespace but to give the Gateway `listeners`, to read the nodes for the `capacity`, and to make
 * namespaces for full `spaces`.
 */
export async function openTestCluster(
  place = FIRST,
  rights: { listeners?: boolean; capacity?: boolean; spaces?: boolean } = {},
): Promise<TestCluster> {
  const namespace = `tow-test-${randomBytes(3).toString('hex')}`
  const folder = mkdtempSync(join(tmpdir(), 'tow-kubernetes-'))
  const context = await currentContext(place.kubeconfig)
  const admin = await connectCluster({ kubeconfig: place.kubeconfig, context, namespace })
  await admin.request('POST', '/api/v1/namespaces', {
    body: {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
    },
  })
  const outside = await grantAccess(admin, namespace, [
    'serviceAccount=true',
    ...(rights.listeners ? ['gateway.name=public', 'gateway.namespace=gateway'] : []),
    ...(rights.capacity ? ['capacity=true'] : []),
    ...(rights.spaces ? ['spaces=true'] : []),
  ])
  const kubeconfig = join(folder, 'kubeconfig')
  writeFileSync(kubeconfig, await limitedKubeconfig(admin, namespace, context, place), { mode: 0o600 })
  const agent = new Agent({ keepAlive: true })
  const caller = createCaller(admin, `${env.TOW_TEST_REGISTRY}/base/node:24`)
  const engines: Engine[] = []
  const domain = `${namespace}.${env.TOW_TEST_DOMAIN}`
  const facts: EngineFacts = { kubeconfig, namespace, domain, cache: join(folder, 'rendered') }

  return {
    admin,
    namespace,
    kubeconfig,
    facts,
    engine(content, options = {}) {
      const engine = createEngineFor({ ...facts, ...options }, content)
      engines.push(engine)
      return engine
    },
    // Names under the domain lead to the Gateway inside the cluster alone.
    fetch: (async (input: string | URL, init: RequestInit = {}) => {
      const url = new URL(input)
      if (!url.hostname.endsWith(`.${namespace}.svc`)) return throughGateway(url, init, agent, place.gateway)
      await caller.ready(url)
      return fromInside(url, init, caller.agent)
    }) as typeof fetch,
    post: (path, body) => admin.request('POST', path, { body }),
    async prepare() {
      const name = `${namespace}-${randomBytes(2).toString('hex')}`
      const user = `user=system:serviceaccount:${namespace}:towpath`
      outside.push(...(await grantAccess(admin, name, [user, `spacesOf=${namespace}`])))
      return name
    },
    async dispose() {
      for (const engine of engines) await engine.close()
      agent.destroy()
      caller.agent.destroy()
      for (const path of outside) {
        await admin.request('DELETE', path).catch((error) => {
          if (!hasStatus(error, 404, 409)) throw error
        })
      }
      // Else the Gateway, which is everybody's, writes down of each route that its Service is gone, five in a second.
      await admin.request('DELETE', collectionPath('HTTPRoute', namespace))
      await admin.request('DELETE', `/api/v1/namespaces/${namespace}`).catch((error) => {
        // On its way already, or gone.
        if (!hasStatus(error, 404, 409)) throw error
      })
      admin.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export function createEngineFor(facts: EngineFacts, content: ContentSource): Engine {
  const { kubeconfig, namespace, domain, cache, platform = 'test', settings } = facts
  const registry = env.TOW_TEST_REGISTRY as string
  const images = createImages({ credentials: async () => null, plainHttp: [registry] })
  return createKubernetesEngine({
    settings: KubernetesSettings.parse({
      kubeconfig,
      context: 'limited',
      namespace,
      domain,
      gateways: [{ name: 'public', namespace: 'gateway' }],
      values: { drainSeconds: 2 },
      ...settings,
    }),
    platform,
    content,
    images: createRegistryImages({
      images,
      lookUp: images.resolve,
      registry: `${registry}/${namespace}`,
      bases: { node: `${registry}/base/node:24` },
      content,
      platform: async () => ({ os: 'linux', arch: 'x64' }),
    }),
    chart: chart('app'),
    cache,
    path: env.PATH ?? '',
  })
}

async function currentContext(path: string): Promise<string> {
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  config.loadFromFile(path)
  return config.getCurrentContext()
}

/** Answers with the paths of what lies outside the namespace. */
async function grantAccess(admin: Cluster, namespace: string, set: readonly string[]): Promise<string[]> {
  const words = ['template', 'towpath', chart('access'), '--namespace', namespace]
  const { stdout } = await promisify(execFile)('helm', [...words, ...set.flatMap((one) => ['--set', one])])
  const { parseAllDocuments } = await import('yaml')
  const outside: string[] = []
  for (const document of parseAllDocuments(stdout)) {
    const body = document.toJS() as KubeObject
    const { name, namespace: where } = body.metadata
    const plural = `${body.kind.toLowerCase()}s`.replace(/ys$/, 'ies')
    const inside = where === undefined ? '' : `/namespaces/${where}`
    const path = `/${body.apiVersion === 'v1' ? 'api' : 'apis'}/${body.apiVersion}${inside}/${plural}`
    await admin.request('POST', path, { query: { fieldValidation: 'Strict' }, body })
    if (where !== namespace) outside.push(`${path}/${name}`)
  }
  return outside
}

async function limitedKubeconfig(
  admin: Cluster,
  namespace: string,
  context: string,
  place: TestPlace,
): Promise<string> {
  const { status } = await admin.request<{ status: { token: string } }>(
    'POST',
    `/api/v1/namespaces/${namespace}/serviceaccounts/towpath/token`,
    {
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { expirationSeconds: 7200 },
      },
    },
  )
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  config.loadFromFile(place.kubeconfig)
  config.setCurrentContext(context)
  const cluster = config.getCurrentCluster()
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'somewhere-else',
    clusters: [
      { name: 'c', cluster: { server: cluster?.server, 'certificate-authority-data': cluster?.caData } },
    ],
    users: [{ name: 'u', user: { token: status.token } }],
    contexts: [{ name: 'limited', context: { cluster: 'c', user: 'u', namespace } }],
  })
}

function throughGateway(url: URL, init: RequestInit, agent: Agent, gateway: string): Promise<Response> {
  const headers = new Headers(init.headers)
  headers.set('host', url.host)
  return ask(init, headers, {
    host: gateway,
    port: url.port || 80,
    path: `${url.pathname}${url.search}`,
    agent: headers.get('connection') === 'close' ? false : agent,
  })
}

function fromInside(url: URL, init: RequestInit, agent: Agent): Promise<Response> {
  const headers = new Headers(init.headers)
  headers.delete('connection')
  headers.set('x-to', url.href)
  return ask(init, headers, { agent })
}

function ask(init: RequestInit, headers: Headers, where: RequestOptions): Promise<Response> {
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        ...where,
        method: init.method ?? 'GET',
        headers: Object.fromEntries(headers),
        ...(init.signal ? { signal: init.signal } : {}),
      },
      (response) =>
        resolve(
          new Response(Readable.toWeb(response) as ReadableStream, {
            status: response.statusCode ?? 0,
            headers: response.headers as Record<string, string>,
          }),
        ),
    )
    asked.on('error', reject)
    asked.end(init.body as string | undefined)
  })
}
