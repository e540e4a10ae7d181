/** The commands of every day on a real cluster: the real command, a real platform with no more rights than the Role. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import type * as z from 'zod'
import type { App } from '../src/api/apps.ts'
import type { Environment } from '../src/api/environments.ts'
import type { ProcessList } from '../src/api/processes.ts'
import { openTestCluster, type TestCluster, withoutCluster } from '../src/engines/kubernetes/testing.ts'
import { newPerson, type Person } from './tow.ts'

const { env } = process

const SERVER = `
const { createServer } = require('node:http')
console.log('greeting with', process.env.GREETING)
if (process.env.GREETING === 'crash') {
  console.error('there is nobody to greet')
  process.exit(3)
}
const server = createServer((request, response) => response.end('hello ' + process.env.GREETING))
server.listen(process.env.PORT)
process.on('SIGTERM', () => server.close())
`
const MANIFEST = `
version: 1
apps:
  shop:
    processes:
      web: { command: node server.js, count: 2 }
      release: { command: node -e "console.log('migrated')" }
    env:
      GREETING: { default: world }
`

describe('on a cluster', { timeout: 120_000 }, () => {
  let ann: Person
  let stage: TestCluster
  let prod: TestCluster
  let folder: string

  beforeEach(({ skip }) => skip(withoutCluster !== null, withoutCluster ?? ''))

  beforeAll(async () => {
    if (withoutCluster !== null) return
    const telling = openTestCluster(undefined, { capacity: true })
    ;[ann, stage, prod] = await Promise.all([newPerson(), telling, openTestCluster()])
    folder = join(ann.folder, 'shop')
    await mkdir(folder)
    await writeFile(join(folder, 'server.js'), SERVER)
    await writeFile(join(folder, 'package.json'), '{"name":"shop","version":"1.0.0"}')
    await writeFile(join(folder, 'tow.yaml'), MANIFEST)
    expect(await ann.tow(['up'])).toMatchObject({ exit: 0 })
  }, 120_000)

  afterAll(async () => {
    await ann?.leave()
    await stage?.dispose()
    await prod?.dispose()
  }, 120_000)

  const domainOf = ({ namespace }: TestCluster) => `${namespace}.${env.TOW_TEST_DOMAIN}`
  const bound = (cluster: TestCluster, changes: Record<string, string | null> = {}) => {
    const words = {
      '--engine': 'kubernetes',
      '--kubeconfig': cluster.kubeconfig,
      '--context': 'limited',
      '--namespace': cluster.namespace,
      '--registry': `${env.TOW_TEST_REGISTRY}/${stage.namespace}`,
      '--domain': domainOf(cluster),
      '--gateway': 'gateway/public',
      '--base': `node=${env.TOW_TEST_REGISTRY}/base/node:24`,
      ...changes,
    }
    const given = Object.entries(words).filter((pair) => pair[1] !== null) as [string, string][]
    return [...given.flat(), '--plain-registry']
  }
  const tow = (...words: string[]) => ann.tow(words, { cwd: folder })
  const answer = async (cluster: TestCluster) =>
    (await cluster.fetch(`http://shop.${domainOf(cluster)}/`)).text()

  test('an environment that cannot run apps is not added, and every failure comes with its mend', async () => {
    const missing = await tow('env', 'add', 'live', ...bound(stage, { '--registry': null }))
    expect(missing).toMatchObject({ exit: 1, stderr: expect.stringContaining('needs its registry') })

    const context = await tow('env', 'add', 'live', ...bound(stage, { '--context': 'other' }))
    expect(context.stderr).toContain('has no usable context "other"; it has limited')

    const gateway = await tow('env', 'add', 'live', ...bound(stage, { '--gateway': null }))
    expect(gateway.stderr).toContain('Gateways may not be listed here')
    expect(gateway.stderr).toContain('--gateway <namespace>/<name>')

    const away = bound(stage, { '--namespace': 'default', '--registry': `${env.TOW_TEST_HOST}:1/shop` })
    const elsewhere = await tow('env', 'add', 'live', ...away)
    expect(elsewhere.exit).toBe(1)
    expect(elsewhere.stdout).toMatch(/✗ permissions .*namespace default nothing is allowed/)
    expect(elsewhere.stdout).toMatch(/helm template towpath charts\/access -n default/)
    expect(elsewhere.stdout).toMatch(/✗ registry/)
    expect(elsewhere.stderr).toContain('live was not added')
    expect((await ann.ask<z.infer<typeof Environment>[]>(['env'])).map(({ name }) => name)).not.toContain(
      'live',
    )
  })

  test('an environment is added after its checklist, and tow env and tow doctor tell of it', async () => {
    const added = await tow('env', 'add', 'live', '--before', 'stage', ...bound(stage))
    expect(added).toMatchObject({ exit: 0, stderr: expect.stringContaining('Undo: tow env remove live') })
    for (const name of [
      'helm',
      'cluster',
      'namespace',
      'permissions',
      'gateway',
      'metrics',
      'reach',
      'registry',
      'base images',
    ])
      expect(added.stdout).toMatch(new RegExp(`^✓ ${name}`, 'm'))
    expect(added.stdout).toMatch(
      /^✓ capacity .*[1-9][\d.]* CPUs and [1-9][\d.]* GB of memory to run on, of one node/m,
    )
    const far = await tow('env', 'add', 'far', '--before', 'stage', ...bound(prod))
    expect(far).toMatchObject({ exit: 0, stdout: expect.stringMatching(/^✓ capacity .*may not be read/m) })

    const [first] = await ann.ask<z.infer<typeof Environment>[]>(['env'])
    expect(first).toMatchObject({ name: 'live', engine: 'kubernetes' })
    expect(first!.facts).toContainEqual({ name: 'namespace', value: stage.namespace })
    expect((await tow('doctor')).stdout).toMatch(/✓ live: permissions/)
  })

  test('an app is shipped and answers through the Gateway', async () => {
    const shipped = await tow('ship', '-e', 'live')
    expect(shipped).toMatchObject({ exit: 0 })
    expect(shipped.stdout).toContain(`http://shop.${domainOf(stage)}`)
    expect(await answer(stage)).toBe('hello world')
    const { processes } = await ann.ask<z.infer<typeof ProcessList>>(['ps', '-a', 'shop', '-e', 'live'])
    expect(processes.map(({ state }) => state)).toEqual(['healthy', 'healthy'])
    const apps = await ann.ask<App[]>(['apps'])
    expect(apps[0]?.environments[0]).toMatchObject({
      environment: 'live',
      urls: [`http://shop.${domainOf(stage)}`],
    })
  })

  test('an app that needs a PostgreSQL where none was named is refused before anything moves', async () => {
    await writeFile(join(folder, 'tow.yaml'), MANIFEST.replace('    env:', '    needs: [postgres]\n    env:'))
    const refused = await tow('ship', '-e', 'live')
    await writeFile(join(folder, 'tow.yaml'), MANIFEST)
    expect(refused.exit).toBe(1)
    expect(refused.stderr).toContain('nothing runs a PostgreSQL for apps in live')
    expect(refused.stderr).toContain('--postgres <url>')
    expect(await answer(stage)).toBe('hello world')
    expect(await ann.ask<unknown[]>(['releases', '-e', 'live', '-a', 'shop'])).toHaveLength(1)
  })

  test('config is changed by a release', async () => {
    expect(await tow('config', 'set', 'GREETING=moon', '-e', 'live')).toMatchObject({ exit: 0 })
    expect(await answer(stage)).toBe('hello moon')
  })

  test('the artifact is promoted to another namespace, with the config of that', async () => {
    expect(await tow('promote', 'shop')).toMatchObject({ exit: 0 })
    expect(await answer(prod)).toBe('hello world')
  })

  test('a command runs once with its output and its exit code', async () => {
    const run = await tow('run', '-e', 'live', 'echo "to $GREETING"; echo aside >&2; exit 7')
    expect(run).toMatchObject({ exit: 7, stdout: 'to moon\n' })
    expect(run.stderr).toContain('aside')
  })

  test('processes are scaled and restarted, and their logs are read', async () => {
    expect(await tow('scale', 'web=1', '-e', 'live')).toMatchObject({ exit: 0 })
    expect(await tow('restart', '-e', 'live')).toMatchObject({ exit: 0 })
    expect(await answer(stage)).toBe('hello moon')
    expect((await tow('logs', '-e', 'live')).stdout).toContain('greeting with moon')
  })

  test('what somebody changed past Towpath is shown, put back, and adopted', async () => {
    const set = `v${await ann.ask<{ number: number }[]>(['releases', '-a', 'shop', '-e', 'live']).then((all) => all[0]?.number)}`
    const deployment = `/apis/apps/v1/namespaces/${stage.namespace}/deployments/shop--web--${set}`
    const scale = (replicas: number) =>
      stage.admin.request('PATCH', deployment, {
        query: { fieldManager: 'kubectl-scale' },
        contentType: 'application/merge-patch+json',
        body: { spec: { replicas } },
      })
    const replicas = async () =>
      (await stage.admin.request<{ spec: { replicas: number } }>('GET', deployment)).spec.replicas
    const drift = (...words: string[]) => tow('drift', ...words, '-a', 'shop', '-e', 'live')
    expect(await drift()).toMatchObject({ exit: 0, stdout: '', stderr: expect.stringContaining('Nothing') })
    await scale(3)
    const found = await drift()
    expect(found.stdout).toContain('spec.replicas is 3, asked for is 1 (changed by kubectl-scale)')
    expect(found.stderr).toContain('tow drift --mend -a shop -e live')
    expect(await drift('--mend')).toMatchObject({ exit: 0 })
    await expect.poll(replicas, { timeout: 60_000 }).toBe(1)
    await scale(2)
    const adopted = await drift('--adopt')
    expect(adopted.stderr).toContain('Undo: tow scale web=1 -a shop -e live')
    await expect.poll(async () => (await drift()).stdout, { timeout: 60_000 }).toBe('')
    expect(await replicas()).toBe(2)
    expect((await tow('events', '-a', 'shop')).stdout).toContain('adopted: it was changed past Towpath')
    expect(await tow('scale', 'web=1', '-e', 'live')).toMatchObject({ exit: 0 })
  })

  test('the exact manifests are exported, without a value of the config', async () => {
    const { stdout } = await tow('env', 'export', '-e', 'live')
    const kinds = parseAllDocuments(stdout).map((document) => document.get('kind'))
    expect(new Set(kinds)).toEqual(
      new Set(['Secret', 'ServiceAccount', 'NetworkPolicy', 'Service', 'Deployment', 'HTTPRoute']),
    )
    expect(stdout).toContain(`${env.TOW_TEST_REGISTRY}/${stage.namespace}/shop@sha256:`)
    expect(stdout).not.toContain('moon')
  })

  test('a release that crashes is explained, and the one before serves', async () => {
    const broken = await tow('config', 'set', 'GREETING=crash', '-e', 'live')
    expect(broken.exit).toBe(1)
    expect(broken.stderr).toContain('exited with code 3; v2 serves as before')
    expect(broken.stderr).toContain('there is nobody to greet')
    expect((await tow('why', 'shop', '-e', 'live')).stdout).toContain('there is nobody to greet')
    expect(await answer(stage)).toBe('hello moon')
  })

  test('a rollback serves the release before', async () => {
    const back = await tow('rollback', 'v1', '-e', 'live')
    expect(back).toMatchObject({ exit: 0, stderr: expect.stringContaining('Undo: tow rollback') })
    expect(await answer(stage)).toBe('hello world')
  })

  test('an app that is removed leaves nothing in the namespace, and then the environment can go', async () => {
    expect(await tow('apps', 'remove', 'shop', '--confirm', 'shop')).toMatchObject({ exit: 0 })
    expect(await tow('env', 'remove', 'live')).toMatchObject({ exit: 0 })
    const left = await Promise.all(
      ['apis/apps/v1/%/deployments', 'api/v1/%/pods', 'api/v1/%/secrets', 'api/v1/%/services'].map((path) =>
        stage.admin.request<{ items: { metadata: { name: string } }[] }>(
          'GET',
          `/${path.replace('%', `namespaces/${stage.namespace}`)}`,
        ),
      ),
    )
    expect(left.flatMap(({ items }) => items.map(({ metadata }) => metadata.name))).toEqual([])
  })
})
