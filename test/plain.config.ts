/** For tests that need no database. */
import { defineConfig } from 'vitest/config'

export default defineConfig({ test: { include: ['test/architecture.test.ts'] } })
