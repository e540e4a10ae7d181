import { describe, expect, test } from 'vitest'
import { RunSpec } from '../../../api/app-spec.ts'
import { emptyMeter, read, turn } from './meter.ts'
import { configBelow, expiryByUse, overlayCounts, quotaProblem } from './rules.ts'
import { compare, isInput } from './workspace.ts'

const HOUR = 3_600_000
const run = RunSpec.parse({
  processes: {
    web: { command: 'serve', cpuMillis: 500, memoryMegabytes: 512 },
    worker: { command: 'work', cpuMillis: 2000 },
  },
  variables: {
    SET: { required: true },
    LACKING: { required: true },
    MADE: { generated: true, required: true },
    DEFAULTED: { default: 'x', required: true },
    DATABASE_URL: { required: true },
  },
})

test('what was asked for is counted while it is awake, and not while it sleeps', () => {
  const awake = turn(emptyMeter(0), 0, run, overlayCounts(run, ['worker']))
  const asleep = turn(awake, 2 * HOUR, run, {})
  expect(read(asleep, 100 * HOUR)).toEqual({ cpuHours: 5, memoryGigabyteHours: 1 })
  const again = turn(asleep, 100 * HOUR, run, overlayCounts(run, []))
  expect(read(again, 102 * HOUR)).toEqual({ cpuHours: 6, memoryGigabyteHours: 2 })
  // A clock that was set back takes nothing away.
  expect(read(again, 0)).toEqual({ cpuHours: 5, memoryGigabyteHours: 1 })
})

test('config is the environment’s, without what needs give, and says what is lacking and what is to be made up', () => {
  const present = { plain: { SET: '1', DATABASE_URL: 'by hand' }, secrets: { KEY: 3 } }
  expect(configBelow(run, present, ['DATABASE_URL'], [])).toEqual({
    ...{ plain: { SET: '1' }, secrets: { KEY: 3 } },
    ...{ generate: ['MADE'], missing: ['LACKING'] },
  })
  expect(configBelow(run, present, ['DATABASE_URL'], ['LACKING', 'MADE'])).toMatchObject({
    generate: [],
    missing: [],
  })
})

test('a quota is about what comes to it, so that what is there can always be changed', () => {
  expect(
    quotaProblem('person', { spaces: 5, apps: 10, databases: 0 }, { spaces: 0, apps: 0, databases: 0 }),
  ).toBeNull()
  expect(
    quotaProblem('person', { spaces: 5, apps: 1, databases: 0 }, { spaces: 1, apps: 1, databases: 0 }),
  ).toEqual({
    what: 'spaces',
    most: 5,
  })
  expect(
    quotaProblem('person', { spaces: 1, apps: 9, databases: 0 }, { spaces: 0, apps: 2, databases: 0 }),
  ).toEqual({
    what: 'apps',
    most: 10,
  })
  expect(
    quotaProblem('machine', { spaces: 5, apps: 10, databases: 0 }, { spaces: 1, apps: 5, databases: 0 }),
  ).toBeNull()
})

test('use moves the expiry on by the space’s own term, and not at every request', () => {
  const space = { expires_at: new Date(10 * HOUR), term_hours: 10 }
  expect(expiryByUse(HOUR / 2, space)).toBeNull()
  expect(expiryByUse(2 * HOUR, space)).toEqual(new Date(12 * HOUR))
})

describe('a workspace', () => {
  const entry = (path: string, digest = path) => ({ path, mode: '644' as const, digest, size: 1 })

  test('is told apart into what the source says, what the build made, and what asks for a build', () => {
    const source = [
      entry('tow.yaml'),
      entry('app/package.json'),
      entry('app/package-lock.json'),
      entry('app/main.js'),
    ]
    const layer = [
      entry('package.json', 'app/package.json'),
      entry('main.js', 'app/main.js'),
      entry('dist/out.js'),
    ]
    expect(compare({ source, layer, path: 'app', context: '.' })).toEqual({
      ...{ root: 'app', made: ['dist/out.js'], compiled: true },
      inputs: ['tow.yaml', 'app/package.json', 'app/package-lock.json'],
    })
  })

  test('of a language that is not compiled is the source itself', () => {
    const source = [entry('main.py'), entry('requirements-dev.txt')]
    expect(compare({ source, layer: source, path: '.', context: '.' })).toEqual({
      ...{ root: '.', made: [], compiled: false, inputs: ['requirements-dev.txt'] },
    })
  })

  test('of a whole repository stands for its root, wherever the app is in it', () => {
    const source = [entry('package.json'), entry('services/a/index.js'), entry('lib/b.js')]
    expect(compare({ source, layer: source, path: 'services/a', context: '.' })).toMatchObject({
      root: '.',
      made: [],
    })
  })

  test.each([
    ['package.json', true],
    ['services/a/go.sum', true],
    ['requirements.txt', true],
    ['my-requirements.md', false],
    ['src/package.json.ts', false],
  ])('%s decides about the build: %s', (path, expected) => expect(isInput(path)).toBe(expected))
})
