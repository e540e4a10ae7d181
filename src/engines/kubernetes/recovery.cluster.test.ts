/** What goes wrong in a cluster, done to a real one: every sentence ends with things as they were asked for, or with why. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
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
import { collectionPath, objectPath } from './cluster/kinds.ts'
import type { Deployment } from './cluster/objects.ts'
import { openLine } from './test-line.ts'
import { openTestCluster, type TestCluster, withoutCluster } from './testing.ts'

const PATIENCE = 120_000
let folder: string
let cluster: TestCluster
let content: SampleContent
let engine: Engine
let artifact: Awaited<ReturnType<typeof sampleArtifact>>
let count = 0

const newTarget = (): Target => ({ app: `app-${++count}`, environment: 'stage' })

async function until(
  by: Engine,
  target: Target,
  reached: (seen: Observation) => boolean,
): Promise<Observation> {
  let last: Observation | undefined
  for await (const seen of by.watch(target, AbortSignal.timeout(PATIENCE))) {
    last = seen
    if (reached(seen)) return seen
  }
  throw new Error(`never seen: ${JSON.stringify(last, null, 1)}`)
}

async function settle(
  by: Engine,
  target: Target,
  generation: number,
  desired: Desired,
): Promise<Observation> {
  await by.apply(target, generation, desired)
  return until(by, target, (seen) => seen.generation === generation && seen.settled)
}

const deploymentPath = (target: Target, set: string) =>
  objectPath('Deployment', cluster.namespace, `${target.app}--web--${set}`)

beforeAll(async () => {
  if (withoutCluster !== null) return
  folder = await mkdtemp(join(tmpdir(), 'tow-recovery-'))
  content = createSampleContent(join(folder, 'blobs'), (tree, blobs) =>
    layerDigests(tree.entries, blobs.read, { prefix: 'workspace' }),
  )
  artifact = await sampleArtifact(content)
  cluster = await openTestCluster()
  engine = cluster.engine(content)
})
afterAll(async () => {
  await cluster?.dispose()
  if (folder) await rm(folder, { recursive: true, force: true })
})
beforeEach(({ skip }) => skip(withoutCluster !== null, withoutCluster ?? ''))

describe('recovery on a real cluster', { timeout: PATIENCE * 2 }, () => {
  test('a foreign edit is shown with who made it, left alone, and put back by the next order', async () => {
    const target = newTarget()
    await settle(engine, target, 1, wholly(sampleSet(artifact, 1)))
    expect(await engine.drift(target)).toEqual([])
    await cluster.admin.request('PATCH', deploymentPath(target, 'v1'), {
      query: { fieldManager: 'kubectl-edit' },
      contentType: 'application/merge-patch+json',
      body: { spec: { replicas: 2 } },
    })
    expect(await engine.drift(target)).toEqual([
      {
        message: `Deployment ${target.app}--web--v1: spec.replicas is 2, asked for is 1 (changed by kubectl-edit)`,
        count: { set: 'v1', process: 'web', count: 2 },
      },
    ])
    const seen = await until(
      engine,
      target,
      (now) => now.sets[0]!.processes.filter((one) => one.state === 'healthy').length === 2,
    )
    expect(seen.settled).toBe(false)
    await settle(engine, target, 2, wholly(sampleSet(artifact, 1)))
    expect(await engine.drift(target)).toEqual([])
  })

  test('what somebody removes is made again', async () => {
    const target = newTarget()
    await settle(engine, target, 1, wholly(sampleSet(artifact, 1)))
    const path = objectPath('Service', cluster.namespace, target.app)
    const { metadata } = await cluster.admin.request<Deployment>('GET', path)
    await cluster.admin.request('DELETE', path)
    await until(engine, target, (seen) => seen.settled)
    await expect
      .poll(async () => (await cluster.admin.request<Deployment>('GET', path)).metadata.uid, {
        timeout: 20_000,
      })
      .not.toBe(metadata.uid)
  })

  test('an app of another platform is refused, and one of another name lives beside', async () => {
    const target = newTarget()
    await settle(engine, target, 1, wholly(sampleSet(artifact, 1)))
    const other = cluster.engine(content, { platform: 'other' })
    await expect(other.apply(target, 9, wholly(sampleSet(artifact, 2)))).rejects.toMatchObject({
      code: 'REFUSED',
      message: expect.stringContaining('belongs to another platform (test)'),
    })
    const beside = newTarget()
    await settle(other, beside, 1, wholly(sampleSet(artifact, 1)))
    expect((await other.observeAll()).map((seen) => seen.target.app)).toEqual([beside.app])
    expect((await engine.observeAll()).map((seen) => seen.target.app)).not.toContain(beside.app)
    await expect(
      other.apply({ ...beside, environment: 'prod' }, 2, wholly(sampleSet(artifact, 1))),
    ).rejects.toMatchObject({
      code: 'REFUSED',
    })
  })

  test('what Towpath did not make is never touched', async () => {
    const target = newTarget()
    await cluster.post(collectionPath('Service', cluster.namespace), {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: target.app },
      spec: { ports: [{ port: 80 }], selector: { app: 'theirs' } },
    })
    await engine.apply(target, 1, wholly(sampleSet(artifact, 1)))
    const seen = await until(engine, target, (now) => (now.problems ?? []).length > 0)
    expect(seen.problems?.[0]?.message).toContain(`there is a Service "${target.app}"`)
    const service = await cluster.admin.request<{ spec: { selector: object } }>(
      'GET',
      objectPath('Service', cluster.namespace, target.app),
    )
    expect(service.spec.selector).toEqual({ app: 'theirs' })
  })

  test('a process that slept through a newer order changes nothing when it wakes', async () => {
    const target = newTarget()
    const sleeper = cluster.engine(content)
    await settle(sleeper, target, 1, wholly(sampleSet(artifact, 1)))
    await settle(engine, target, 2, wholly(sampleSet(artifact, 2)))
    await expect(sleeper.apply(target, 1, wholly(sampleSet(artifact, 1)))).rejects.toMatchObject({
      code: 'CONFLICT',
    })
    const both = await until(sleeper, target, (seen) => (seen.problems ?? []).length > 0)
    expect(both.problems?.[0]?.message).toContain('another platform process looks after')
    const after = await until(engine, target, (seen) => seen.settled)
    expect(after.sets.map((set) => set.id)).toEqual(['v2'])
  })

  test('an order that was cut off in the middle is finished by whoever starts next', async () => {
    const target = newTarget()
    const first = cluster.engine(content)
    await settle(first, target, 1, wholly(sampleSet(artifact, 1)))
    await first.apply(target, 2, wholly(sampleSet(artifact, 2)))
    await first.close()
    const next = cluster.engine(content)
    const seen = await until(next, target, (now) => now.generation === 2 && now.settled)
    expect(seen.sets.map((set) => set.id)).toEqual(['v2'])
    expect(await (await cluster.fetch((await next.addresses(target)).public[0]!)).json()).toMatchObject({
      release: 'v2',
    })
  })

  test('no room and a quota that is used up are said in words, and the old set serves on', async () => {
    const target = newTarget()
    await settle(engine, target, 1, wholly(sampleSet(artifact, 1)))
    const greedy = sampleSet(artifact, 2, { processes: { web: webProcess({ cpuMillis: 64_000 }) } })
    await engine.apply(target, 2, wholly(greedy))
    const room = await until(engine, target, (seen) => problemOf(seen, 'v2') !== undefined)
    expect(problemOf(room, 'v2')).toMatchObject({ code: 'no-room', message: 'no node has 64 CPUs free' })
    await cluster.post(`/api/v1/namespaces/${cluster.namespace}/resourcequotas`, {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'small' },
      spec: { hard: { 'requests.memory': '1Mi' } },
    })
    await engine.apply(target, 3, wholly(sampleSet(artifact, 3)))
    const quota = await until(engine, target, (seen) => problemOf(seen, 'v3') !== undefined)
    expect(problemOf(quota, 'v3')?.message).toContain(
      'the quota of the namespace is used up: exceeded quota: small',
    )
    expect(quota.split).toEqual([{ weights: { v1: 1 } }])
    expect((await cluster.fetch((await engine.addresses(target)).public[0]!)).status).toBe(200)
    await cluster.admin.request('DELETE', `/api/v1/namespaces/${cluster.namespace}/resourcequotas/small`)
    await engine.remove(target, 4)
  })

  test('while the API server is frozen or away nothing is made up, apps serve on, and the order lands afterwards', async () => {
    const target = newTarget()
    const line = await openLine(cluster.kubeconfig, join(folder, 'through-a-line'))
    const far = cluster.engine(content, { kubeconfig: line.kubeconfig })
    await settle(far, target, 1, wholly(sampleSet(artifact, 1)))
    const url = (await far.addresses(target)).public[0] as string
    for (const trouble of ['frozen', 'cut'] as const) {
      line.set(trouble)
      await expect
        .poll(
          () =>
            far.observe(target).then(
              () => 'told',
              (error) => error.code,
            ),
          { timeout: 60_000, interval: 500 },
        )
        .toBe('UNAVAILABLE')
      await expect(far.apply(target, 9, wholly(sampleSet(artifact, 9)))).rejects.toMatchObject({
        code: 'UNAVAILABLE',
      })
      expect((await cluster.fetch(url)).status).toBe(200)
      line.set('open')
      await expect
        .poll(
          () =>
            far.observe(target).then(
              (seen) => seen.generation,
              () => 0,
            ),
          { timeout: 60_000 },
        )
        .toBeGreaterThan(0)
    }
    const after = await settle(far, target, 10, wholly(sampleSet(artifact, 10)))
    expect(after.sets.map((set) => set.id)).toEqual(['v10'])
    line.close()
  })

  test('maintenance closes the edge and not the calls between apps, and restarts nothing', async () => {
    const target = newTarget()
    const desired = wholly(sampleSet(artifact, 1))
    const before = await settle(engine, target, 1, desired)
    const url = (await engine.addresses(target)).public[0] as string
    await settle(engine, target, 2, { ...desired, maintenance: { message: 'Back at noon.' } })
    expect((await cluster.fetch(url)).status).toBe(503)
    const caller = { key: 'call', process: 'run', set: sampleSet(artifact, 1) }
    const command = `node -e 'fetch("${(await engine.addresses(target)).internal}/healthz").then((a) => process.exit(a.status === 200 ? 42 : 1))'`
    const needy = {
      ...caller,
      set: { ...caller.set, artifact: { ...artifact, run: { ...artifact.run, needs: [target.app] } } },
    }
    await engine.run(target, { ...needy, command })
    await expect.poll(async () => (await engine.job(target, 'call'))?.exit, { timeout: 60_000 }).toBe(42)
    const after = await settle(engine, target, 3, desired)
    expect((await cluster.fetch(url)).status).toBe(200)
    expect(after.sets[0]?.processes.map((one) => one.id)).toEqual(
      before.sets[0]?.processes.map((one) => one.id),
    )
  })

  test('while the Gateway is at many routes at once, none is called settled before it obeys', async () => {
    const target = newTarget()
    const desired = wholly(sampleSet(artifact, 1))
    await settle(engine, target, 1, desired)
    const url = (await engine.addresses(target)).public[0] as string
    // As when twenty apps are promoted together: Traefik writes five answers in a second, and obeys none before the last.
    const others = Array.from({ length: 20 }, (_, index) => ({
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name: `other-${index}`, labels: { 'towpath.dev/platform': 'test', test: 'others' } },
      spec: {
        hostnames: [`other-${index}.${cluster.facts.domain}`],
        parentRefs: [{ name: 'public', namespace: 'gateway' }],
        rules: [{ backendRefs: [{ name: target.app, port: 80 }] }],
      },
    }))
    const routes = collectionPath('HTTPRoute', cluster.namespace)
    const [closed] = await Promise.all([
      settle(engine, target, 2, { ...desired, maintenance: { message: '' } }),
      ...others.map((other) => cluster.post(routes, other)),
    ])
    expect(closed.settled).toBe(true)
    expect((await cluster.fetch(url)).status).toBe(503)
    await cluster.admin.request('DELETE', routes, { query: { labelSelector: 'test=others' } })
  })

  test('a pod that is evicted is replaced, and the order stays as it was', async () => {
    const target = newTarget()
    const before = await settle(engine, target, 1, wholly(sampleSet(artifact, 1)))
    const { items } = await cluster.admin.request<{ items: Deployment[] }>(
      'GET',
      collectionPath('Pod', cluster.namespace),
      {
        query: { labelSelector: `app.kubernetes.io/name=${target.app}` },
      },
    )
    const { name } = items[0]!.metadata
    await cluster.post(`${objectPath('Pod', cluster.namespace, name)}/eviction`, {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name, namespace: cluster.namespace },
    })
    const after = await until(
      engine,
      target,
      (seen) => seen.settled && seen.sets[0]?.processes[0]?.id !== before.sets[0]?.processes[0]?.id,
    )
    expect(after.sets[0]?.processes).toHaveLength(1)
  })

  test('a process that writes more than it may is evicted and replaced, and that is what is said', async () => {
    const target = newTarget()
    const small = cluster.engine(content, {
      settings: { values: { drainSeconds: 2, resources: { storage: '100Mi' } } },
    })
    await settle(small, target, 1, wholly(sampleSet(artifact, 1)))
    const fill = sampleSet(artifact, 2, {
      processes: {
        web: webProcess(),
        worker: {
          ...webProcess({ command: 'head -c 150000000 /dev/zero > big; sleep 600' }),
          health: undefined as never,
        },
      },
    })
    await small.apply(target, 2, wholly(fill))
    const seen = await until(small, target, ({ sets }) =>
      sets.some(({ processes }) => processes.some(({ lastExit }) => lastExit?.reason.startsWith('evicted'))),
    )
    const worker = seen.sets.flatMap(({ processes }) => processes).find((one) => one.process === 'worker')
    expect(worker?.lastExit?.reason).toBe('evicted: it wrote more than 100Mi')
    await small.remove(target, 3)
  })

  test('what the cluster refuses to admit is told in its words, and the old set serves on', async () => {
    const target = newTarget()
    await settle(engine, target, 1, wholly(sampleSet(artifact, 1)))
    await cluster.post(`/api/v1/namespaces/${cluster.namespace}/limitranges`, {
      apiVersion: 'v1',
      kind: 'LimitRange',
      metadata: { name: 'small' },
      spec: { limits: [{ type: 'Container', max: { memory: '600Mi' } }] },
    })
    const big = sampleSet(artifact, 2, { processes: { web: webProcess({ memoryMegabytes: 700 }) } })
    await engine.apply(target, 2, wholly(big))
    const seen = await until(engine, target, (now) => problemOf(now, 'v2') !== undefined)
    expect(problemOf(seen, 'v2')?.message).toContain('maximum memory usage per Container is 600Mi')
    expect((await cluster.fetch((await engine.addresses(target)).public[0]!)).status).toBe(200)
    await cluster.admin.request('DELETE', `/api/v1/namespaces/${cluster.namespace}/limitranges/small`)
    await engine.remove(target, 3)
  })

  test('a namespace that is being deleted takes nothing more, and that is what is said', async () => {
    const doomed = await openTestCluster()
    const inside = doomed.engine(content)
    const target = newTarget()
    await settle(inside, target, 1, wholly(sampleSet(artifact, 1)))
    await doomed.post(`/api/v1/namespaces/${doomed.namespace}/configmaps`, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      // It stays for as long as somebody holds on to what is in it.
      metadata: { name: 'held', finalizers: ['towpath.dev/test'] },
    })
    await doomed.admin.request('DELETE', `/api/v1/namespaces/${doomed.namespace}`)
    await expect(
      inside.apply(target, 2, wholly(sampleSet(artifact, 2, { config: { A: '1' } }))),
    ).rejects.toMatchObject({ message: expect.stringContaining('the namespace is being deleted') })
    await doomed.admin.request('PATCH', `/api/v1/namespaces/${doomed.namespace}/configmaps/held`, {
      contentType: 'application/merge-patch+json',
      body: { metadata: { finalizers: null } },
    })
    await doomed.dispose()
  })

  test('config that no process reads any more is removed, and that of the release that runs is not', async () => {
    const target = newTarget()
    const names = async () => {
      const { items } = await cluster.admin.request<{ items: Deployment[] }>(
        'GET',
        collectionPath('Secret', cluster.namespace),
        {
          query: { labelSelector: `app.kubernetes.io/name=${target.app},towpath.dev/kind=config` },
        },
      )
      return items.map((item) => item.metadata.name)
    }
    await settle(engine, target, 1, wholly(sampleSet(artifact, 1, { config: { A: '1' } })))
    expect(await names()).toHaveLength(1)
    await engine.remove(target, 2)
    await until(engine, target, (seen) => seen.generation === 0)
    expect(await names()).toEqual([])
  })
})

function problemOf(seen: Observation, set: string) {
  return seen.sets.find((one) => one.id === set)?.processes.find((one) => one.problem)?.problem
}
