import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import ClusterFirst from './test/order.ts'

const seed = process.env.TOW_TEST_SEED ?? (process.env.CI ? '20251126' : String(Date.now() % 2 ** 31))

export default defineConfig({
  test: {
    env: { TOW_TEST_SEED: seed },
    setupFiles: ['test/seed.ts'],
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/postgres.ts'],
    reporters: ['default', ['./test/reporter.ts', { seed }]],
    // Most tests start processes of their own: more files at once than cores only makes all of them wait. One more where
    // there is a cluster, whose tests hardly work.
    maxWorkers: Math.max(2, Math.min(4, availableParallelism())) + (process.env.TOW_TEST_KUBECONFIG ? 1 : 0),
    sequence: { sequencer: ClusterFirst },
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
