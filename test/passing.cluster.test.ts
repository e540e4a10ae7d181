/** `tow spaces check` and `tow doctor` on a real cluster: which app loses the space, and on which call. */
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openTestCluster, type TestCluster, withoutCluster } from '../src/engines/kubernetes/testing.ts'
import { bindCluster } from './bind-cluster.ts'
import { writePassingApps } from './passing-apps.ts'
import { newPerson, type Person } from './tow.ts'

let ann: Person
let cluster: TestCluster
let folder: string
const tow = (...words: string[]) => ann.tow(words, { cwd: folder })

beforeEach(({ skip }) => skip(withoutCluster !== null, withoutCluster ?? ''))
beforeAll(async () => {
  if (withoutCluster !== null) return
  ;[ann, cluster] = await Promise.all([newPerson(), openTestCluster()])
  folder = join(ann.folder, 'shop')
  await writePassingApps(folder)
  for (const words of [
    ['up'],
    ['env', 'add', 'live', '--before', 'stage', ...bindCluster(cluster)],
    ['ship', '-e', 'live'],
    ['spaces', 'add', 'mine', '--apps', 'inner', '-e', 'live'],
  ]) {
    const ended = await tow(...words)
    expect(ended, ended.stderr).toMatchObject({ exit: 0 })
  }
}, 240_000)
afterAll(async () => {
  await ann?.leave()
  await cluster?.dispose()
}, 120_000)

/** Calls to apps that nobody overrides lead past the router: one of them may have lost it as well. */
const LOST = /loses in live, or an app between it and inner, loses the space when it calls inner/

/**
 * A test suite of seven requests: the names of a test cluster are in no DNS, so that it asks the Gateway itself. Of two routers
 * only the one that a request came by can count the call that follows; the Gateway takes them in turns.
 */
const suiteOf = (variable: string) =>
  `node -e "const { host, searchParams } = new URL(process.env.${variable}); const headers = { host, 'tow-preview': searchParams.get('tow-preview') }; const ask = (left) => left && require('node:http').get({ host: '${process.env.TOW_TEST_GATEWAY}', headers }, (answer) => answer.resume().on('end', () => ask(left - 1))); ask(7)"`

test('a suite that is run in the space finds who keeps it, and who loses it on which call', async () => {
  const kept = await tow('spaces', 'check', 'mine', '--run', suiteOf('TOW_LINK_KEEPS'))
  expect(kept, kept.stderr).toMatchObject({
    exit: 0,
    stdout: expect.stringMatching(/keeps in live passes the space on to inner: (\d+) of \1 calls carried it/),
  })
  const lost = await tow('spaces', 'check', 'mine', '--run', suiteOf('TOW_LINK_LOSES'))
  expect(lost).toMatchObject({
    exit: 1,
    stdout: expect.stringMatching(LOST),
  })
})

test('tow doctor says the same of who was asked', async () => {
  const doctor = await tow('doctor')
  expect(doctor.stdout).toMatch(LOST)
  expect(doctor.stdout).not.toContain('keeps in live')
})
