/** Full spaces on a real cluster: whose namespace they get, who may call whom across it, and what they leave. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Artifact } from '../../api/app-spec.ts'
import { layerDigests } from '../../images/layer.ts'
import {
  createSampleContent,
  type SampleContent,
  sampleArtifact,
  sampleSet,
  webProcess,
  wholly,
} from '../conformance/sample.ts'
import type { Desired, Engine, Observation, Target } from '../engine.ts'
import { type Cluster, connectCluster } from './cluster/connect.ts'
import { collectionPath, type KubeObject, MEMBER_KINDS, objectPath } from './cluster/kinds.ts'
import type { Lease, Secret } from './cluster/objects.ts'
import { openTestCluster, type TestCluster, withoutCluster } from './testing.ts'

/** Says whose it is, and what the app below it says; hands the baggage on. */
const CHAIN = `
const http = require('node:http')
const { WHOSE = 'stage', BELOW, PORT } = process.env
http.createServer(async (request, response) => {
  const { baggage } = request.headers
  const ask = (url) => fetch(url, { headers: baggage ? { baggage } : {}, signal: AbortSignal.timeout(2000) }).then((answer) => answer.json(), String)
  response.end(JSON.stringify({ whose: WHOSE, ...(BELOW ? { below: await ask(BELOW) } : {}) }))
}).listen(PORT)
process.on('SIGTERM', () => process.exit(0))
`
const PATIENCE = 120_000
const web: Target = { app: 'web', environment: 'stage' }
const shop: Target = { app: 'shop', environment: 'stage' }
const inSpace = (target: Target, space: string): Target => ({ ...target, space, apart: true })
const found = ({ apart: _, ...target }: Target): Target => target

let folder: string
let content: SampleContent
let chain: Artifact

beforeAll(async () => {
  if (withoutCluster !== null) return
  folder = await mkdtemp(join(tmpdir(), 'tow-apart-'))
  content = createSampleContent(join(folder, 'blobs'), (tree, blobs) =>
    layerDigests(tree.entries, blobs.read, { prefix: 'workspace' }),
  )
  const app = await content.keep({ 'app.js': CHAIN })
  const layer = { kind: 'app' as const, tree: app.hash, ...(await content.digestLayer(app)) }
  chain = { ...(await sampleArtifact(content)), digest: app.hash, layers: [layer] }
})
afterAll(async () => {
  if (folder) await rm(folder, { recursive: true, force: true })
})

async function eventually<Answer>(look: () => Promise<Answer>): Promise<Answer> {
  const end = Date.now() + PATIENCE
  for (;;) {
    try {
      return await look()
    } catch (error) {
      if (Date.now() > end) throw error
      await delay(200)
    }
  }
}

interface World {
  cluster: TestCluster
  engine: Engine
}

async function until({ engine }: World, target: Target, reached: (seen: Observation) => boolean) {
  let last: Observation | undefined
  for await (const seen of engine.watch(found(target), AbortSignal.timeout(PATIENCE))) {
    last = seen
    if (reached(seen)) return seen
  }
  throw new Error(`never seen: ${JSON.stringify(last, null, 1)}`)
}

async function settle(world: World, target: Target, generation: number, desired: Desired) {
  await world.engine.apply(target, generation, desired)
  return until(world, target, (seen) => seen.generation === generation && seen.settled)
}

const processes = { web: webProcess({ command: 'exec node app.js', health: '/' }) }
const config = ({ cluster }: World, whose: string) => ({
  WHOSE: whose,
  BELOW: `http://shop.${cluster.namespace}.svc/`,
})
const needs = () => ({ ...chain, run: { ...chain.run, needs: ['shop'] } })
const webSet = (world: World, whose: string) =>
  wholly(sampleSet(needs(), 1, { config: config(world, whose), processes }))
const shopSet = (whose: string) => wholly(sampleSet(chain, 1, { config: { WHOSE: whose }, processes }))
const copied = (desired: Desired): Desired => ({ ...desired, overlay: {} })

async function ask({ cluster }: World, name: string): Promise<unknown> {
  const url = `http://${name}.${cluster.facts.domain}/`
  const answer = await cluster.fetch(url, { headers: { connection: 'close' } })
  return answer.status === 200 ? answer.json() : `${answer.status} ${await answer.text()}`
}

/** Everything that Towpath knows how to make, of whatever platform, but what a namespace itself has. */
async function everythingIn(admin: Cluster, namespace: string): Promise<string[]> {
  const kinds = [...MEMBER_KINDS, 'Secret', 'Lease', 'Job', 'Pod'] as const
  const all = await Promise.all(
    kinds.map(async (kind) => {
      const { items } = await admin.request<{ items: KubeObject[] }>('GET', collectionPath(kind, namespace))
      return items.map(({ metadata }) => `${kind} ${metadata.name}`)
    }),
  )
  return all.flat().filter((one) => one !== 'ServiceAccount default' && one !== 'ServiceAccount towpath')
}

async function namespacesOf({ admin, namespace }: TestCluster): Promise<string[]> {
  const query = { labelSelector: `towpath.dev/spaces-of=${namespace}` }
  const { items } = await admin.request<{ items: KubeObject[] }>('GET', '/api/v1/namespaces', { query })
  return items.map(({ metadata }) => metadata.name)
}

async function holders({ admin, namespace }: TestCluster): Promise<Record<string, string | null>> {
  const query = { labelSelector: 'towpath.dev/kind=place' }
  const { items } = await admin.request<{ items: Lease[] }>('GET', collectionPath('Lease', namespace), {
    query,
  })
  return Object.fromEntries(
    items.map(({ metadata, spec }) => [
      metadata.annotations!['towpath.dev/namespace'],
      spec?.holderIdentity ?? null,
    ]),
  )
}

const placeOf = ({ place }: Observation) => place!.replace('the namespace ', '')

describe('a full space in a namespace that is made for it', { timeout: 300_000 }, () => {
  let world: World
  beforeEach(({ skip }) => skip(withoutCluster !== null, withoutCluster ?? ''))
  beforeAll(async () => {
    if (withoutCluster !== null) return
    const cluster = await openTestCluster(undefined, { spaces: true })
    world = { cluster, engine: cluster.engine(content) }
    await settle(world, shop, 1, shopSet('stage'))
    await settle(world, web, 1, webSet(world, 'stage'))
  }, 240_000)
  afterAll(() => world?.cluster.dispose(), 60_000)

  test('may be had, and the checklist says how', async () => {
    const { engine, cluster } = world
    expect(await engine.refusesApart({ environment: 'stage', space: 'mine' })).toBeNull()
    expect((await engine.check()).find(({ name }) => name === 'full spaces')).toMatchObject({
      ok: true,
      message: expect.stringContaining(`a namespace ${cluster.namespace}--... that is made for it`),
    })
    expect(await namespacesOf(cluster)).toEqual([])
  })

  test('is alone in it, and is answered for by nobody else', async () => {
    const seen = await settle(world, inSpace(shop, 'mine'), 1, copied(shopSet('mine')))
    expect(seen.target).toEqual({ ...shop, space: 'mine' })
    const namespace = placeOf(seen)
    expect(await namespacesOf(world.cluster)).toEqual([namespace])
    const inside = await everythingIn(world.cluster.admin, namespace)
    expect(inside).toContain('Secret shop--mine--towpath')
    expect(inside.filter((one) => one.startsWith('Deployment'))).toEqual(['Deployment shop--mine--web--v1'])
    const home = await everythingIn(world.cluster.admin, world.cluster.namespace)
    expect(home.filter((one) => one.includes('shop--mine'))).toEqual([])
    await eventually(async () => {
      expect(await ask(world, 'shop--mine')).toEqual({ whose: 'mine' })
      expect(await ask(world, 'shop')).toEqual({ whose: 'stage' })
      expect(await ask(world, 'web--mine')).toEqual({ whose: 'stage', below: { whose: 'mine' } })
      expect(await ask(world, 'web')).toEqual({ whose: 'stage', below: { whose: 'stage' } })
    })
  })

  test('calls what it has no copy of in the environment, across namespaces; both ways the space is kept', async () => {
    // A space that has `web` alone: what it calls falls through.
    await settle(world, inSpace(web, 'other'), 1, copied(webSet(world, 'other')))
    await eventually(async () => {
      expect(await ask(world, 'web--other')).toEqual({ whose: 'other', below: { whose: 'stage' } })
    })
    // And where it has both: from its namespace through the hop, and back into it.
    const seen = await settle(world, inSpace(web, 'mine'), 1, copied(webSet(world, 'mine')))
    expect(await namespacesOf(world.cluster)).toHaveLength(2)
    await eventually(async () => {
      expect(await ask(world, 'web--mine')).toEqual({ whose: 'mine', below: { whose: 'mine' } })
      expect(await ask(world, 'web--other')).toEqual({ whose: 'other', below: { whose: 'stage' } })
      expect(await ask(world, 'web')).toEqual({ whose: 'stage', below: { whose: 'stage' } })
    })
    expect((await world.engine.observeAll()).filter(({ place }) => place === seen.place)).toHaveLength(2)
  })

  test('goes on where another engine takes over, which knows whose namespace is whose', async () => {
    await world.engine.close()
    world.engine = world.cluster.engine(content)
    const seen = await until(world, inSpace(web, 'mine'), ({ settled }) => settled)
    expect(seen).toMatchObject({ generation: 1, place: expect.stringContaining('--mine-') })
    expect(await ask(world, 'web--mine')).toEqual({ whose: 'mine', below: { whose: 'mine' } })
  })

  test('comes back where somebody deleted its namespace past Towpath', async () => {
    const { admin } = world.cluster
    const namespace = placeOf(await world.engine.observe({ ...web, space: 'other' }))
    await admin.request('DELETE', `/api/v1/namespaces/${namespace}`)
    await until(world, inSpace(web, 'other'), ({ generation }) => generation === 0)
    const back = await eventually(() =>
      settle(world, inSpace(web, 'other'), 2, copied(webSet(world, 'again'))),
    )
    expect(placeOf(back)).toBe(namespace)
    await eventually(async () => {
      expect(await ask(world, 'web--other')).toEqual({ whose: 'again', below: { whose: 'stage' } })
    })
  })

  test('keeps its namespace to its last copy, and then nothing is left', async () => {
    const { engine, cluster } = world
    const namespace = placeOf(await engine.observe({ ...shop, space: 'mine' }))
    await engine.remove({ ...shop, space: 'mine' }, 2)
    expect(await namespacesOf(cluster)).toContain(namespace)
    await engine.remove(inSpace(web, 'mine'), 2)
    await engine.remove({ ...web, space: 'other' }, 3)
    expect(await namespacesOf(cluster)).toEqual([])
    expect(await holders(cluster)).toEqual({})
    await eventually(async () => {
      const left = await everythingIn(cluster.admin, cluster.namespace)
      expect(left.filter((one) => one.includes('---'))).toEqual([])
      expect(left.filter((one) => one.includes('--mine') || one.includes('--other'))).toEqual([])
    })
    expect(await ask(world, 'web')).toEqual({ whose: 'stage', below: { whose: 'stage' } })
  })

  test('gives no right beyond namespaces of full spaces', async () => {
    const { cluster } = world
    const { kubeconfig, namespace } = cluster
    const limited = await connectCluster({ kubeconfig, context: 'limited', namespace })
    const make = (name: string, labels: Record<string, string>) =>
      limited.request('POST', '/api/v1/namespaces', {
        query: { dryRun: 'All' },
        body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } },
      })
    const right = { 'towpath.dev/spaces-of': namespace, 'pod-security.kubernetes.io/enforce': 'restricted' }
    const policy = `ValidatingAdmissionPolicy 'towpath-spaces-${namespace}'`
    const remove = (name: string) =>
      limited.request('DELETE', `/api/v1/namespaces/${name}`, { query: { dryRun: 'All' } })
    const bind = (where: string, role: string) =>
      limited.request('POST', `/apis/rbac.authorization.k8s.io/v1/namespaces/${where}/rolebindings`, {
        query: { dryRun: 'All' },
        body: {
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'RoleBinding',
          metadata: { name: 'more', namespace: where },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
          subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'me' }],
        },
      })
    try {
      await make(`${namespace}--mine-1`, right)
      const byPolicy = await Promise.allSettled([
        make('kube-more', right),
        make(`${namespace}--mine-1`, {}),
        make(`${namespace}--mine-1`, { ...right, 'pod-security.kubernetes.io/enforce': 'privileged' }),
        make(`${namespace}--mine-1`, { ...right, 'towpath.dev/spaces-of': 'other' }),
        bind('kube-system', `towpath-space-${namespace}`),
        bind(namespace, `towpath-space-${namespace}`),
        remove('gateway'),
        remove(namespace),
      ])
      for (const one of byPolicy) {
        expect(one).toMatchObject({
          status: 'rejected',
          reason: { message: expect.stringContaining(policy) },
        })
      }
      await expect(bind(namespace, 'cluster-admin')).rejects.toMatchObject({ status: 403 })
      const relabel = limited.request('PATCH', `/api/v1/namespaces/${namespace}`, {
        contentType: 'application/merge-patch+json',
        body: { metadata: { labels: { 'towpath.dev/spaces-of': namespace } } },
      })
      await expect(relabel).rejects.toMatchObject({ status: 403 })
    } finally {
      limited.close()
    }
  })
})

describe('a full space in a namespace that was prepared', { timeout: 300_000 }, () => {
  let world: World
  let prepared: string[]
  beforeEach(({ skip }) => skip(withoutCluster !== null, withoutCluster ?? ''))
  beforeAll(async () => {
    if (withoutCluster !== null) return
    const cluster = await openTestCluster()
    const settings = { values: { drainSeconds: 2, imagePullSecrets: ['pull'] } }
    world = { cluster, engine: cluster.engine(content, { settings }) }
    const data = { '.dockerconfigjson': Buffer.from('{"auths":{}}').toString('base64') }
    await cluster.post(collectionPath('Secret', cluster.namespace), {
      ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'pull' } },
      ...{ type: 'kubernetes.io/dockerconfigjson', data },
    })
    await settle(world, shop, 1, shopSet('stage'))
    await settle(world, web, 1, webSet(world, 'stage'))
  }, 240_000)
  afterAll(() => world?.cluster.dispose(), 60_000)

  const checked = async () => (await world.engine.check()).find(({ name }) => name === 'full spaces')

  test('can’t be had where none was prepared: said before anything is started, and refused', async () => {
    const { engine, cluster } = world
    const why = /the space mine can get no namespace of its own: none may be made here, and none was prepared/
    expect(await engine.refusesApart({ environment: 'stage', space: 'mine' })).toMatchObject({
      message: expect.stringMatching(why),
      hint: expect.stringContaining(`--set spacesOf=${cluster.namespace}`),
    })
    await expect(engine.apply(inSpace(shop, 'mine'), 1, copied(shopSet('mine')))).rejects.toThrow(why)
    expect((await engine.observe({ ...shop, space: 'mine' })).generation).toBe(0)
    expect(await checked()).toMatchObject({
      ok: true,
      message: expect.stringMatching(/no full space can be had here/),
    })
    // Nothing of it lies in the environment's namespace instead.
    const home = await everythingIn(cluster.admin, cluster.namespace)
    expect(home.filter((one) => one.includes('--mine'))).toEqual([])
  })

  test('takes one that is free, with what pulls its images, and calls across it', async () => {
    const { cluster, engine } = world
    prepared = [await cluster.prepare(), await cluster.prepare()].sort()
    expect(await engine.refusesApart({ environment: 'stage', space: 'mine' })).toBeNull()
    expect(await checked()).toMatchObject({ ok: true, message: expect.stringContaining('2 are free') })
    const seen = await settle(world, inSpace(web, 'mine'), 1, copied(webSet(world, 'mine')))
    expect(prepared).toContain(placeOf(seen))
    expect(await everythingIn(cluster.admin, placeOf(seen))).toContain('Secret pull')
    expect(Object.values(await holders(cluster)).sort()).toEqual([null, 'test/mine'])
    expect(await checked()).toMatchObject({ ok: true, message: expect.stringContaining('1 is free') })
    await eventually(async () => {
      expect(await ask(world, 'web--mine')).toEqual({ whose: 'mine', below: { whose: 'stage' } })
      expect(await ask(world, 'web')).toEqual({ whose: 'stage', below: { whose: 'stage' } })
    })
  })

  test('of two platforms each takes another, and the third space none: who has them is said', async () => {
    const other: World = { ...world, engine: world.cluster.engine(content, { platform: 'other' }) }
    const theirs: Target = { app: 'boat', environment: 'stage' }
    const seen = await settle(other, inSpace(theirs, 'theirs'), 1, copied(shopSet('theirs')))
    const mine = placeOf(await world.engine.observe({ ...web, space: 'mine' }))
    expect([mine, placeOf(seen)].sort()).toEqual(prepared)
    expect(await world.engine.refusesApart({ environment: 'stage', space: 'third' })).toMatchObject({
      message: expect.stringMatching(/none is free \(.* is taken by .*\)/),
      hint: expect.stringContaining('remove a full space'),
    })
    await other.engine.remove({ ...theirs, space: 'theirs' }, 2)
    expect(Object.values(await holders(world.cluster)).sort()).toEqual([null, 'test/mine'])
    expect(await everythingIn(world.cluster.admin, placeOf(seen))).toEqual([])
  })

  test('passes by one that is not empty or is being deleted, and says so', async () => {
    const { cluster, engine } = world
    const [free] = Object.entries(await holders(cluster)).flatMap(([name, holder]) => (holder ? [] : [name]))
    const path = objectPath('Secret', free!, 'kept')
    await cluster.post(collectionPath('Secret', free!), {
      ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'kept', finalizers: ['towpath.dev/test'] } },
    })
    await cluster.admin.request('DELETE', `/api/v1/namespaces/${free}`)
    const problem = await engine.refusesApart({ environment: 'stage', space: 'third' })
    expect(problem?.message).toContain(`${free} is being deleted`)
    await expect(engine.apply(inSpace(shop, 'third'), 1, copied(shopSet('third')))).rejects.toThrow(
      /is being deleted/,
    )
    expect(await checked()).toMatchObject({
      ok: false,
      message: expect.stringContaining(`${free} is being deleted`),
      mend: expect.stringContaining('helm template towpath charts/access'),
    })
    const secret = await cluster.admin.request<Secret>('GET', path)
    await cluster.admin.request('PUT', path, {
      body: { ...secret, metadata: { ...secret.metadata, finalizers: [] } },
    })
  })

  test('gives it back empty, and nothing is left', async () => {
    const { engine, cluster } = world
    const namespace = placeOf(await engine.observe({ ...web, space: 'mine' }))
    await engine.remove({ ...web, space: 'mine' }, 2)
    expect(await everythingIn(cluster.admin, namespace)).toEqual([])
    expect((await holders(cluster))[namespace]).toBeNull()
    await eventually(async () => {
      const left = await everythingIn(cluster.admin, cluster.namespace)
      const places = prepared.map((one) => `Lease towpath---space-${one}`)
      expect(left.filter((one) => one.includes('---') && !places.includes(one))).toEqual([])
    })
  })
})
