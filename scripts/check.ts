/** Everything that can be said about the source without running it, each tool to its end, one summary. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const CHECKS: [name: string, ...command: string[]][] = [
  ['types', 'tsc', '-p', '.'],
  ['format and lint', 'biome', 'check', '--error-on-warnings', '.'],
  ['unused code', 'knip'],
  [
    'architecture',
    'vitest',
    'run',
    'test/architecture.test.ts',
    '--reporter=dot',
    '--config=test/plain.config.ts',
  ],
]

const results = CHECKS.map(([name, command, ...args]) => {
  const started = performance.now()
  const { status, stdout, stderr } = spawnSync(command!, args, { cwd: root, encoding: 'utf8' })
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  const isGood = status === 0
  process.stdout.write(`${isGood ? '✓' : '✗'} ${name} (${seconds} s)\n`)
  if (!isGood) process.stdout.write(`${stdout ?? ''}${stderr ?? ''}\n`)
  return isGood
})
const failed = results.filter((isGood) => !isGood).length
process.stdout.write(
  failed === 0 ? `all ${results.length} checks are good\n` : `${failed} of ${results.length} checks failed\n`,
)
process.exitCode = failed === 0 ? 0 : 1
