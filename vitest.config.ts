import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

const { CI, TOW_TEST_KUBECONFIG, TOW_TEST_SEED } = process.env
const seed = TOW_TEST_SEED ?? (CI ? '20251126' : String(Date.now() % 2 ** 31))

/** Whatever needs a cluster; held by `test/architecture.test.ts`. */
const ON_CLUSTER = '{src,test}/**/*.cluster.test.ts'
/** Most tests start processes of their own: more files at once than cores only makes all of them wait. */
const AT_ONCE = Math.max(2, Math.min(4, availableParallelism()))

const every = {
  env: { TOW_TEST_SEED: seed },
  setupFiles: ['test/seed.ts'],
  testTimeout: 30_000,
  hookTimeout: 60_000,
  // Its own of one second would let a busy machine decide.
  expect: { poll: { timeout: 10_000 } },
}

export default defineConfig({
  test: {
    globalSetup: ['test/postgres.ts'],
    reporters: ['default', ['./test/reporter.ts', { seed }]],
    projects: [
      {
        test: {
          ...every,
          name: 'here',
          include: ['{src,test}/**/*.test.ts'],
          exclude: [ON_CLUSTER],
          maxWorkers: AT_ONCE,
        },
      },
      {
        // After all others, one file at a time: what runs in a cluster runs on the same cores. Where there is none, each of
        // them says so and is done.
        test: {
          ...every,
          name: 'cluster',
          include: [ON_CLUSTER],
          maxWorkers: TOW_TEST_KUBECONFIG ? 1 : AT_ONCE,
          // For what hangs: how long pods take to come says nothing.
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // In CI, where nobody looks at once whether a node was only slow; what needed it is marked in the output.
          retry: CI ? 1 : 0,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
