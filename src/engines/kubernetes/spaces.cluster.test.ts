/** Spaces on a real cluster: what they leave, and how calls find them. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
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
import { collectionPath, type KubeObject, MEMBER_KINDS } from './cluster/kinds.ts'
import type { Pod } from './cluster/objects.ts'
import { isReady } from './observe/pods.ts'
import { AS_DRAINED, openTestCluster, type TestCluster, withoutCluster } from './testing.ts'

/** Says whose it is, and what the app below it says; hands the baggage on. */
const CHAIN = `
const http = require('node:http')
const { WHOSE = 'stage', BELOW, PORT } = process.env
let leaving = false
http.createServer(async (request, response) => {
  if (leaving) response.setHeader('connection', 'close')
  const { baggage } = request.headers
  const below = BELOW && await fetch(BELOW, { headers: baggage ? { baggage } : {} }).then((answer) => answer.json(), String)
  response.end(JSON.stringify({ whose: WHOSE, ...(BELOW ? { below } : {}) }))
}).listen(PORT)
process.on('SIGTERM', () => { leaving = true; setTimeout(() => process.exit(0), 2000) })
`
const PATIENCE = 120_000
const base: Target = { app: 'shop', environment: 'stage' }
const mine: Target = { ...base, space: 'mine' }
const web: Target = { app: 'web', environment: 'stage' }
let folder: string
let cluster: TestCluster
let content: SampleContent
let engine: Engine
let artifact: Artifact
let chain: Artifact

async function until(target: Target, reached: (seen: Observation) => boolean): Promise<Observation> {
  let last: Observation | undefined
  for await (const seen of engine.watch(target, AbortSignal.timeout(PATIENCE))) {
    last = seen
    if (reached(seen)) return seen
  }
  throw new Error(`never seen: ${JSON.stringify(last, null, 1)}`)
}

async function settle(target: Target, generation: number, desired: Desired): Promise<Observation> {
  await engine.apply(target, generation, desired)
  return until(target, (seen) => seen.generation === generation && seen.settled)
}

async function vanish(...targets: Target[]): Promise<void> {
  for (const target of targets) await engine.remove(target, 1_000_000)
  for (const target of targets) await until(target, (seen) => seen.generation === 0 && seen.sets.length === 0)
}

async function eventually(look: () => Promise<void>): Promise<void> {
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

function chained(release: number, of: Artifact, config: Record<string, string> = {}) {
  const processes = { web: webProcess({ command: 'exec node app.js', health: '/' }) }
  return sampleSet(of, release, { config, processes })
}

const below = () => ({ BELOW: `http://${base.app}.${cluster.namespace}.svc/` })
const needs = () => ({ ...chain, run: { ...chain.run, needs: [base.app] } })

/** `shop`, `web`, or as they are entered in a space: `shop--mine`. */
const urlOf = (name: string) => `http://${name}.${cluster.facts.domain}/`

async function ask(host: string, more: Record<string, string> = {}): Promise<unknown> {
  const headers = { connection: 'close', ...more }
  const answer = await cluster.fetch(urlOf(host), { headers })
  return answer.status === 200 ? answer.json() : `${answer.status} ${await answer.text()}`
}

/** Everything of a platform in the namespace, but what the namespace itself has. */
async function everything(): Promise<string[]> {
  const kinds = [...MEMBER_KINDS, 'Secret', 'Lease', 'Job', 'Pod'] as const
  const found = await Promise.all(
    kinds.map(async (kind) => {
      const path = collectionPath(kind, cluster.namespace)
      const query = { labelSelector: 'towpath.dev/platform=test' }
      const { items } = await cluster.admin.request<{ items: KubeObject[] }>('GET', path, { query })
      // Names of pods are made up.
      return items.map(({ metadata }) => `${kind} ${metadata.name.replace(/-[a-z0-9]+-[a-z0-9]{5}$/, '')}`)
    }),
  )
  return found.flat().sort()
}

beforeAll(async () => {
  if (withoutCluster !== null) return
  folder = await mkdtemp(join(tmpdir(), 'tow-spaces-'))
  content = createSampleContent(join(folder, 'blobs'), (tree, blobs) =>
    layerDigests(tree.entries, blobs.read, { prefix: 'workspace' }),
  )
  artifact = await sampleArtifact(content)
  const app = await content.keep({ 'app.js': CHAIN })
  const layer = { kind: 'app' as const, tree: app.hash, ...(await content.digestLayer(app)) }
  chain = { ...artifact, digest: app.hash, layers: [layer] }
  cluster = await openTestCluster()
  engine = cluster.engine(content, AS_DRAINED)
})
afterAll(async () => {
  await cluster?.dispose()
  if (folder) await rm(folder, { recursive: true, force: true })
})

describe('a space on a cluster', { timeout: 240_000 }, () => {
  beforeEach(({ skip }) => skip(withoutCluster !== null, withoutCluster ?? ''))

  test('has objects of its own beside those of the app, and leaves nothing when it is removed', async () => {
    await settle(base, 1, wholly(sampleSet(artifact, 1)))
    const before = await everything()
    const copy = { ...wholly(sampleSet(artifact, 1, { config: { WHOSE: 'mine' } })), overlay: {} }
    const seen = await settle(mine, 1, copy)
    expect(seen.target).toEqual(mine)
    expect((await engine.observe(base)).sets[0]?.processes.length).toBeGreaterThan(0)
    expect((await engine.observeAll()).map(({ target }) => target)).toEqual(
      expect.arrayContaining([base, mine]),
    )
    await vanish(mine)
    await eventually(async () => expect(await everything()).toEqual(before))
  })

  test('answers those who travel in it, at every hop, and nobody else', async () => {
    await settle(base, 2, wholly(chained(2, chain)))
    await settle(web, 1, wholly(chained(1, needs(), below())))
    await eventually(async () => {
      expect(await ask('web')).toMatchObject({ whose: 'stage', below: { whose: 'stage' } })
    })
    await settle(mine, 2, { ...wholly(chained(1, chain, { WHOSE: 'mine' })), overlay: {} })
    await eventually(async () => {
      expect(await ask('web--mine')).toMatchObject({ whose: 'stage', below: { whose: 'mine' } })
      expect(await ask('web')).toMatchObject({ whose: 'stage', below: { whose: 'stage' } })
      expect(await ask('shop--mine')).toMatchObject({ whose: 'mine' })
      expect(await ask('web', { baggage: 'tow.space=mine' })).toMatchObject({ below: { whose: 'stage' } })
    })
    await vanish(mine)
    await eventually(async () => expect(await ask('web--mine')).toMatch(/^404/))
    expect(await ask('web')).toMatchObject({ whose: 'stage', below: { whose: 'stage' } })
  })

  test('comes and goes without a request lost, and is not answered for meanwhile', async () => {
    await settle(web, 2, wholly(chained(2, needs(), below())))
    await settle(base, 3, wholly(chained(3, chain)))
    const wrong: unknown[] = []
    let count = 0
    let loading = true
    const load = async (host: string, expected: object) => {
      while (loading) {
        const answer = await cluster
          .fetch(urlOf(host))
          .then(
            async (one) => (one.status === 200 ? await one.json() : `${one.status} ${await one.text()}`),
            String,
          )
        count += 1
        if (!isDeepStrictEqual(answer, expected)) wrong.push([new Date().toISOString(), answer])
      }
    }
    const stage = { whose: 'stage' }
    const clients = [
      load('web', { ...stage, below: stage }),
      load('web', { ...stage, below: stage }),
      load('shop', stage),
    ]
    await settle(mine, 3, { ...wholly(chained(1, chain, { WHOSE: 'mine' })), overlay: {} })
    await eventually(async () => expect(await ask('web--mine')).toMatchObject({ below: { whose: 'mine' } }))
    await vanish(mine)
    await eventually(async () =>
      expect((await everything()).filter((one) => one.includes('---'))).toEqual([]),
    )
    loading = false
    await Promise.all(clients)
    expect(wrong).toEqual([])
    expect(count).toBeGreaterThan(100)
  })

  test('takes the whole traffic of an app for a time, and gives it back', async () => {
    const swapped = (until: number) => ({
      ...wholly(chained(1, chain, { WHOSE: 'mine' })),
      overlay: { swap: { until } },
    })
    await settle(mine, 5, swapped(Date.now() + 3_600_000))
    await eventually(async () => {
      expect(await ask('shop')).toMatchObject({ whose: 'mine' })
      expect(await ask('web')).toMatchObject({ whose: 'stage', below: { whose: 'mine' } })
    })
    await engine.apply(mine, 6, swapped(Date.now() + 5000))
    await eventually(async () => {
      expect(await ask('shop')).toMatchObject({ whose: 'stage' })
      expect(await ask('web')).toMatchObject({ whose: 'stage', below: { whose: 'stage' } })
    })
    await until(mine, (seen) => seen.generation === 6 && seen.settled)
    const { demand } = await engine.observe(mine)
    expect(Date.now() - Date.parse(demand?.lastAskedAt ?? '')).toBeLessThan(PATIENCE)
  })

  test('goes on while nobody looks after it: routers start anew, a swap ends', async () => {
    const until = Date.now() + 45_000
    await settle(mine, 7, {
      ...wholly(chained(1, chain, { WHOSE: 'mine' })),
      overlay: { swap: { until } },
    })
    // What the swap before this one asked of the Gateway may still be under way.
    await delay(5000)
    // How long what follows takes says nothing: it is asked as long as the swap lasts.
    const lasts = () => Date.now() < until - 1000
    await eventually(async () => {
      if (lasts()) expect(await ask('shop')).toMatchObject({ whose: 'mine' })
    })
    await engine.close()
    const query = { labelSelector: 'towpath.dev/kind=router' }
    const pods = collectionPath('Pod', cluster.namespace)
    const routers = async () => (await cluster.admin.request<{ items: Pod[] }>('GET', pods, { query })).items
    const before = (await routers()).map(({ metadata }) => metadata.uid)
    await cluster.admin.request('DELETE', pods, { query })
    await eventually(async () => {
      const ready = (await routers()).filter(isReady)
      expect(ready).toHaveLength(2)
      expect(ready.some(({ metadata }) => before.includes(metadata.uid))).toBe(false)
    })
    await eventually(async () => {
      expect(await ask('web--mine')).toMatchObject({ whose: 'stage', below: { whose: 'mine' } })
    })
    if (lasts()) expect(await ask('shop')).toMatchObject({ whose: 'mine' })
    await delay(Math.max(0, until - Date.now()))
    await eventually(async () => expect(await ask('shop')).toMatchObject({ whose: 'stage' }))
    expect(await ask('shop--mine')).toMatchObject({ whose: 'mine' })
    engine = cluster.engine(content, AS_DRAINED)
  })

  test('lets requests wait for a copy that sleeps, and tells that somebody waits', async () => {
    const asleep = chained(1, chain, { WHOSE: 'mine' })
    const counted = (count: number) => ({
      ...wholly({ ...asleep, processes: { web: { ...asleep.processes.web!, count } } }),
      overlay: {},
    })
    await settle(mine, 8, counted(0))
    const waiting = ask('shop--mine')
    const seen = await until(mine, ({ demand }) => (demand?.waiting ?? 0) > 0)
    expect(seen.demand).toMatchObject({ waiting: 1 })
    await engine.apply(mine, 9, counted(1))
    expect(await waiting).toMatchObject({ whose: 'mine' })
    expect(await ask('web')).toMatchObject({ whose: 'stage', below: { whose: 'stage' } })
    await vanish(mine, web, base)
    await eventually(async () => expect(await everything()).toEqual([]))
  })
})
