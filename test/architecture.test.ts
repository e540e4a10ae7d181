import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { readSource, readSources } from './architecture/read.ts'
import { cycles, isTest, violations } from './architecture/rules.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const files = readSources(root, 'src')
const shipped = files.filter(({ path }) => !isTest(path))

describe('the house', () => {
  test('was really read', () => {
    expect(shipped.flatMap((file) => file.imports).length).toBeGreaterThan(100)
    expect(
      shipped.flatMap((file) => file.imports).filter(({ to }) => to.startsWith('src/')).length,
    ).toBeGreaterThan(50)
  })

  test('has no import that its doors forbid', () => {
    expect(violations(files)).toEqual([])
  })

  test('has no files that load each other in a circle', () => {
    expect(cycles(shipped)).toEqual([])
  })

  test('imports no file that is not there', () => {
    const missing = files
      .flatMap((file) => file.imports)
      .filter(({ to }) => to.startsWith('src/') && !existsSync(join(root, to)))
    expect(missing).toEqual([])
  })
})

describe('a test that needs a cluster', () => {
  test('says so in its name, so that it runs after all others', () => {
    const needy = [...files, ...readSources(root, 'test')].filter(
      ({ path, imports }) =>
        path.endsWith('.test.ts') && imports.some(({ to }) => to === 'src/engines/kubernetes/testing.ts'),
    )
    expect(needy.length).toBeGreaterThan(5)
    expect(needy.map(({ path }) => path).filter((path) => !path.endsWith('.cluster.test.ts'))).toEqual([])
  })
})

describe('the map', () => {
  test('ARCHITECTURE.md names only paths that are there', () => {
    const file = join(root, 'ARCHITECTURE.md')
    expect(existsSync(file), 'ARCHITECTURE.md is missing: the house has no map').toBe(true)
    const text = readFileSync(file, 'utf8')
    const named = [
      ...text.matchAll(/`((?:src|test|docs|bin|bench|examples|scripts|charts)(?:\/[\w.-]+)*\/?)`/g),
    ]
    const linked = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
    const paths = [...named, ...linked].map((match) => match[1]!)
    expect(paths.length).toBeGreaterThan(10)
    expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([])
  })
})

/** Each sample must be caught: a rule that can't fail holds nothing. */
const FORBIDDEN: [path: string, source: string, reason: RegExp][] = [
  ['src/api/a.ts', `import { x } from '../trees/tree.ts'`, /portable/],
  ['src/api/a.ts', `import { readFile } from 'node:fs/promises'`, /zod and the contract library only/],
  ['src/client/a.ts', `import type { Tree } from '../trees/tree.ts'`, /speaks the contract/],
  ['src/client/a.ts', `import 'node:fs'`, /browsers/],
  ['src/cli/a.ts', `export { x } from '../platform/kernel/loop.ts'`, /asks the platform/],
  ['src/cli/a.ts', `const x = await import('../runner/protocol.ts')`, /asks the platform/],
  ['src/cli/a.ts', `import pg from 'pg'`, /only the platform has a database/],
  ['src/console/a.ts', `import '../cli/a.ts'`, /the console shows/],
  ['src/platform/kernel/a.ts', `import type { X } from '../features/apps/index.ts'`, /must not know them/],
  [
    'src/platform/features/apps/a.ts',
    `import { x } from '../../../engines/local/index.ts'`,
    /through their ports/,
  ],
  [
    'src/platform/features/apps/a.ts',
    `let x: import('../../../builders/source/index.ts').X`,
    /through their ports/,
  ],
  ['src/platform/features/config/a.ts', `import { x } from '../apps/store.ts'`, /only door is its index/],
  ['src/platform/features/apps/a.ts', `import { x } from '../ships/index.ts'`, /those before them/],
  ['src/platform/assemble.ts', `import { x } from '../engines/local/index.ts'`, /only main.ts names/],
  ['src/platform/assemble.ts', `import { x } from './features/apps/store.ts'`, /only door is its index/],
  ['src/engines/local/a.ts', `import { x } from '../../runner/jobs.ts'`, /through its protocol alone/],
  ['src/engines/local/a.ts', `import { x } from '../kubernetes/index.ts'`, /protocol alone/],
  ['src/engines/conformance.ts', `import { x } from './local/index.ts'`, /belongs to no engine/],
  ['src/builders/source/a.ts', `import { x } from '../../platform/kernel/log.ts'`, /never the platform/],
  ['src/runner/a.ts', `import { x } from '../platform/kernel/log.ts'`, /goes on without the platform/],
  ['src/router/a.ts', `import { x } from '../trees/tree.ts'`, /alone inside a cluster/],
  ['src/images/a.ts', `import { x } from '../trees/tree.ts'`, /registries/],
  ['src/trees/a.ts', `import { x } from '../runner/paths.ts'`, /both sides/],
  ['src/elsewhere/a.ts', `import { x } from '../trees/tree.ts'`, /no room of the house/],
  ['src/trees/a.ts', `import { x } from './a.test.ts'`, /does not import tests/],
  ['src/runner/a.ts', `const home = process.env.HOME`, /read once/],
]

describe('the rules can fail', () => {
  test.each(FORBIDDEN)('%s: %s', (path, source, reason) => {
    const found = violations([readSource(path, source)])
    expect(found).toHaveLength(1)
    expect(found[0]).toMatch(reason)
  })

  test('and allow what the doors allow', () => {
    const source = `
      import * as z from 'zod'
      import { x } from '../../kernel/database.ts'
      import type { Engine } from '../../../engines/engine.ts'
      import { y } from '../environments/index.ts'
      import { z as rules } from './rules.ts'`
    expect(violations([readSource('src/platform/features/apps/index.ts', source)])).toEqual([])
  })

  test('a cycle is found', () => {
    const one = readSource('src/trees/a.ts', `import './b.ts'`)
    const two = readSource('src/trees/b.ts', `import './c.ts'`)
    const three = readSource('src/trees/c.ts', `export * from './a.ts'`)
    expect(cycles([one, two, three])).toEqual([
      'src/trees/a.ts -> src/trees/b.ts -> src/trees/c.ts -> src/trees/a.ts',
    ])
  })
})
