/** Closes a test run with what was skipped and why, the seed, and one plain line that counts. */
import type { Reporter, SerializedError, TestCase, TestModule, TestRunEndReason } from 'vitest/node'

export default class PlainSummary implements Reporter {
  readonly #seed: string

  constructor({ seed }: { seed: string }) {
    this.#seed = seed
  }

  onTestRunEnd(
    modules: readonly TestModule[],
    unhandled: readonly SerializedError[],
    reason: TestRunEndReason,
  ): void {
    const counts = { passed: 0, failed: 0, skipped: 0 }
    const skipped = new Map<string, string[]>()
    for (const module of modules) {
      // A file that can't be loaded has no tests to fail.
      counts.failed += module.errors().length
      for (const test of module.children.allTests()) {
        const result = test.result()
        if (result.state === 'pending') counts.failed += 1
        else counts[result.state] += 1
        if (result.state === 'skipped') remember(skipped, test, result.note)
      }
    }
    counts.failed += unhandled.length
    if (counts.failed === 0 && reason !== 'passed') counts.failed = 1
    for (const [why, tests] of skipped) {
      process.stdout.write(`\nskipped: ${why}\n${tests.map((name) => `  ${name}\n`).join('')}`)
    }
    process.stdout.write(`\nrandom schedules: TOW_TEST_SEED=${this.#seed} repeats them\n`)
    const tail = counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''
    process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed${tail}\n`)
  }
}

function remember(skipped: Map<string, string[]>, test: TestCase, note: string | undefined): void {
  const why = note ?? 'no reason given'
  skipped.set(why, [...(skipped.get(why) ?? []), `${test.module.relativeModuleId} > ${test.fullName}`])
}
