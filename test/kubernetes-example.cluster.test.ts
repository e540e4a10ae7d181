/** The example system on a real cluster with one command, with databases in Debian's PostgreSQL. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openTestCluster, type TestCluster, withoutCluster } from '../src/engines/kubernetes/testing.ts'
import { type DebianPostgres, startDebianPostgres, withoutDebianPostgres } from './debian-postgres.ts'
import { BY_CHOICE, hasScanner, NO_CPU_LIMIT, ON_PURPOSE, scan, WITHOUT_SCANNER } from './manifests/scan.ts'
import { newPerson, type Person } from './tow.ts'

const skipped = withoutCluster ?? withoutDebianPostgres
const { env } = process
let ann: Person
let cluster: TestCluster
let company: DebianPostgres
let started: ChildProcess | null = null
/** The manifests of everything in prod. */
let exported = ''
const namespaces = ['stage', 'prod'].map((name) => () => `${cluster.namespace}-${name}`)

beforeEach(({ skip }) => skip(skipped !== null, skipped ?? ''))

beforeAll(async () => {
  if (skipped !== null) return
  ;[ann, cluster, company] = await Promise.all([
    newPerson(),
    openTestCluster(),
    startDebianPostgres(env.TOW_TEST_HOST as string),
  ])
  for (const name of namespaces)
    await cluster.post('/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: name() },
    })
}, 120_000)

afterAll(async () => {
  if (skipped !== null) return
  started?.kill('SIGKILL')
  await ann?.leave()
  for (const name of namespaces) await cluster?.admin.request('DELETE', `/api/v1/namespaces/${name()}`)
  await cluster?.dispose()
  await company?.stop()
}, 120_000)

test('three services live in two namespaces, checked through the Gateway', { timeout: 300_000 }, async () => {
  const registry = env.TOW_TEST_REGISTRY
  const words = [
    ...['--kubernetes', '--kubeconfig', env.TOW_TEST_KUBECONFIG, '--context', 'test-cluster'],
    ...['--registry', `${registry}/${cluster.namespace}`, '--plain-registry'],
    ...['--base', `node=${registry}/base/node:24`, '--namespace', cluster.namespace],
    ...['--domain', `${cluster.namespace}.${env.TOW_TEST_DOMAIN}`, '--resolve', env.TOW_TEST_GATEWAY],
    ...['--postgres', company.url],
  ] as string[]
  const start = new URL('../examples/start.ts', import.meta.url).pathname
  started = spawn(process.execPath, [start, ...words], {
    env: { ...env, TOW_HOME: ann.home },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  const live = new Promise<void>((resolve) => {
    const hear = (text: string) => {
      said += text
      if (said.includes('Live in cluster-stage and cluster-prod after')) resolve()
    }
    started?.stdout?.setEncoding('utf8').on('data', hear)
    started?.stderr?.setEncoding('utf8').on('data', hear)
  })
  const ended = once(started, 'exit')
  await Promise.race([live, ended])
  expect(said).toContain('✓ cluster-stage answers: a mission was planned, graded and reported')
  expect(said).toContain('✓ cluster-prod answers, with the same artifacts and its own database')
  expect(said).not.toContain('only-for-tests')
  exported = (await ann.tow(['env', 'export', '-e', 'cluster-prod'])).stdout
  started.kill('SIGINT')
  expect(await ended, said).toEqual([0, null])
})

test('an operator’s scanner finds nothing in what it applied but what is on purpose, or by choice', async ({
  skip,
}) => {
  skip(!hasScanner, WITHOUT_SCANNER)
  expect(exported).toContain('kind: Deployment')
  const found = await scan(exported, [NO_CPU_LIMIT])
  // One process of each is what its tow.yaml asks for.
  const known = [...ON_PURPOSE, ...BY_CHOICE, 'deployment-replicas']
  expect(found.filter((id) => !known.includes(id))).toEqual([])
})
