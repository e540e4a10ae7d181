/**
 * One suite for every engine: what the platform above the port relies on, asked of the real thing. An engine that
 * cannot keep a sentence names it with its reason; nothing here knows which engine it is.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, test } from 'vitest'
import { describeJobs } from './conformance/jobs.ts'
import { describeLogs } from './conformance/logs.ts'
import { describeProcesses } from './conformance/processes.ts'
import { createSampleContent, type DigestLayer, sampleArtifact } from './conformance/sample.ts'
import { describeSpaces } from './conformance/spaces.ts'
import { describeTraffic } from './conformance/traffic.ts'
import { describeWhole } from './conformance/whole.ts'
import { describeWorkspaces } from './conformance/workspaces.ts'
import { createWorld } from './conformance/world.ts'
import type { ContentSource, Engine } from './engine.ts'

export interface EngineUnderTest {
  engine: Engine
  /** The platform's side starts anew: another Engine over the same things. */
  reopen(): Promise<Engine>
  /** How its addresses are reached from here; plain `fetch` unless told. */
  fetch?: typeof fetch
  /** Ends everything that the suite left. */
  dispose(): Promise<void>
}

export interface ConformanceOptions {
  /** Sentences that this engine does not keep, each with its reason. */
  skips?: Record<string, string>
  /** Milliseconds that one state may take to come about; 40 s unless told. */
  patience?: number
  /** What an engine that sends layers away needs to know of one; the sample has none unless told. */
  digestLayer?: DigestLayer
}

export function describeEngine(
  name: string,
  makeEngine: (content: ContentSource) => Promise<EngineUnderTest>,
  options: ConformanceOptions = {},
): void {
  const patience = options.patience ?? 40_000
  describe(`the ${name} engine`, { timeout: patience * 1.5 }, () => {
    const skips = options.skips ?? {}
    let folder: string
    let tested: EngineUnderTest
    const start = {
      it(sentence: string, body: () => Promise<void>) {
        const reason = skips[sentence]
        if (reason) test(sentence, ({ skip }) => skip(true, `not here: ${reason}`))
        else test(sentence, body)
      },
      itWithSpaces(sentence: string, body: () => Promise<void>) {
        test(sentence, async ({ skip }) => {
          const { spaces } = await start.engine.capabilities()
          skip(!spaces, 'not here: this engine says that it has no spaces')
          const reason = skips[sentence]
          skip(reason !== undefined, `not here: ${reason}`)
          await body()
        })
      },
      patience,
      fetch: (input, init) => (tested.fetch ?? fetch)(input, init),
      open: () => tested.reopen(),
    } as Parameters<typeof createWorld>[0]
    const world = createWorld(start)

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'tow-conformance-'))
      start.content = createSampleContent(join(folder, 'blobs'), options.digestLayer)
      start.artifact = await sampleArtifact(start.content)
      tested = await makeEngine(start.content)
      start.engine = tested.engine
    })
    afterEach(() => world.cleanUp())
    afterAll(async () => {
      try {
        await world.cleanedUp()
      } finally {
        await tested?.dispose()
        await rm(folder, { recursive: true, force: true })
      }
    }, patience)

    describeProcesses(world)
    describeTraffic(world)
    describeSpaces(world)
    describeJobs(world)
    describeLogs(world)
    describeWorkspaces(world)
    describeWhole(world)
  })
}
