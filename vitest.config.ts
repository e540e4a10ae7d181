import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

const seed = process.env.TOW_TEST_SEED ?? (process.env.CI ? '20251126' : String(Date.now() % 2 ** 31))

export default defineConfig({
  test: {
    env: { TOW_TEST_SEED: seed },
    setupFiles: ['test/seed.ts'],
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/postgres.ts'],
    reporters: ['default', ['./test/reporter.ts', { seed }]],
    // Most tests start processes of their own: more files at once than cores only makes all of them wait.
    maxWorkers: Math.max(2, Math.min(4, availableParallelism())),
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
