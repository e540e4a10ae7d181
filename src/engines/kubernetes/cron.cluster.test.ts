import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { LogQuery } from '../../api/logs.ts'
import { layerDigests } from '../../images/layer.ts'
import { createSampleContent, sampleArtifact, sampleSet, wholly } from '../conformance/sample.ts'
import { openTestCluster, type TestCluster, withoutCluster } from './testing.ts'

let folder: string
let cluster: TestCluster

beforeAll(async () => {
  if (withoutCluster !== null) return
  folder = await mkdtemp(join(tmpdir(), 'tow-cron-'))
  cluster = await openTestCluster()
})
afterAll(async () => {
  await cluster?.dispose()
  if (folder) await rm(folder, { recursive: true, force: true })
})
beforeEach(({ skip }) => skip(withoutCluster !== null, withoutCluster ?? ''))

test('a cron runs by the minute in its time zone, and what became of it is kept', {
  timeout: 200_000,
}, async () => {
  const content = createSampleContent(join(folder, 'blobs'), (tree, blobs) =>
    layerDigests(tree.entries, blobs.read, { prefix: 'workspace' }),
  )
  const engine = cluster.engine(content)
  const target = { app: 'ticker', environment: 'stage' }
  const cron = {
    name: 'tick',
    set: 'v1',
    command: 'node app.js say tock 4',
    schedule: '* * * * *',
    timezone: 'Europe/Berlin',
    graceSeconds: 1,
  }
  await engine.apply(target, 1, { ...wholly(sampleSet(await sampleArtifact(content), 1)), crons: [cron] })
  let run: object | undefined
  for await (const seen of engine.watch(target, AbortSignal.timeout(180_000))) {
    run = seen.crons[0]?.lastRun
    if (seen.crons[0]?.lastRun?.state === 'failed') break
  }
  expect(run).toMatchObject({ state: 'failed', exit: 4, reason: 'exited with code 4' })
  const texts: string[] = []
  for await (const line of engine.logs(
    target,
    LogQuery.parse({ process: 'tick' }),
    AbortSignal.timeout(20_000),
  ))
    texts.push(line.text)
  expect(texts).toContain('tock')
})
