/** Spaces on a real cluster: what they leave, and how calls find them. */
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
  wholly,
} from '../conformance/sample.ts'
import type { Desired, Engine, Observation, Target } from '../engine.ts'
import { collectionPath, type KubeObject, MEMBER_KINDS } from './cluster/kinds.ts'
import { openTestCluster, type TestCluster, withoutCluster } from './testing.ts'

const PATIENCE = 120_000
const base: Target = { app: 'shop', environment: 'stage' }
const mine: Target = { ...base, space: 'mine' }
let folder: string
let cluster: TestCluster
let content: SampleContent
let engine: Engine
let artifact: Awaited<ReturnType<typeof sampleArtifact>>

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

/** Everything of a platform in the namespace, but what the namespace itself has. */
async function everything(): Promise<string[]> {
  const kinds = [...MEMBER_KINDS, 'Secret', 'Lease', 'Job', 'Pod'] as const
  const found = await Promise.all(
    kinds.map(async (kind) => {
      const path = collectionPath(kind, cluster.namespace)
      const query = { labelSelector: 'towpath.dev/platform=test' }
      const { items } = await cluster.admin.request<{ items: KubeObject[] }>('GET', path, { query })
      return items.map(({ metadata }) => `${kind} ${metadata.name}`)
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
  cluster = await openTestCluster()
  engine = cluster.engine(content)
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
    expect((await engine.observe(base)).sets[0]?.processes).toHaveLength(1)
    expect((await engine.observeAll()).map(({ target }) => target)).toEqual(
      expect.arrayContaining([base, mine]),
    )
    await vanish(mine)
    expect(await everything()).toEqual(before)
  })
})
