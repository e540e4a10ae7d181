/** What a whole platform is put together from where neither engine nor builder is the point. */
import { join } from 'node:path'
import { VERSION } from '../src/api/version.ts'
import type { PlatformOptions } from '../src/platform/assemble.ts'
import { systemClock } from '../src/platform/kernel/clock.ts'
import type { Database } from '../src/platform/kernel/database.ts'
import { createLog } from '../src/platform/kernel/log.ts'
import { createBlobStore } from '../src/trees/blob-store.ts'
import { createModelEngine, type ModelEngine } from './model-engine.ts'

export function modelPlatform({
  home,
  database,
  engine = createModelEngine(),
}: {
  home: string
  database: Database
  engine?: ModelEngine
}): PlatformOptions {
  return {
    home,
    version: VERSION,
    person: 'ada',
    database,
    clock: systemClock,
    log: createLog(() => {}),
    blobs: createBlobStore(join(home, 'blobs')),
    engines: { local: engine },
    builders: [],
    postgresFor: async () => null,
    toolPath: process.env.PATH ?? '',
    resolve: async () => [],
    build: {
      digestLayer: async () => {
        throw new Error('nothing is built here')
      },
      endProcess: async () => {},
    },
    system: {
      parts: async () => [],
      checks: [],
      whatStops: () => [],
      stop: () => {},
    },
    backup: [],
  }
}
