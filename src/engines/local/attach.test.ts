/** Somebody who attaches to a job that was over before they came. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createSampleContent, sampleArtifact } from '../conformance/sample.ts'
import { createTestEngine, type TestEngine } from './testing.ts'

const target = { app: 'talker', environment: 'stage' }
let folder: string
let tested: TestEngine
let content: ReturnType<typeof createSampleContent>

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tow-attach-'))
  content = createSampleContent(join(folder, 'blobs'))
  tested = createTestEngine(content)
})
afterEach(async () => {
  await tested.dispose()
  rmSync(folder, { recursive: true, force: true })
})

test('all that a short job wrote reaches whoever is on their way to it, and how it ended', async () => {
  const set = { id: 'v1', release: 1, artifact: await sampleArtifact(content), config: {} }
  const command = 'echo said; echo complained >&2; exit 3'
  await tested.engine.run(target, { key: 'short', set, command, process: 'run', stdin: true })
  await delay(500)
  const attached = await tested.engine.attach(target, 'short')
  const heard = { stdout: '', stderr: '' }
  for await (const { stream, data } of attached.output) heard[stream] += Buffer.from(data).toString()
  expect(heard).toEqual({ stdout: 'said\n', stderr: 'complained\n' })
  expect(await attached.done).toMatchObject({ state: 'failed', exit: 3 })
})
