/** `tow dev` against an environment on a real cluster: the real command, a platform with no more rights than the Role. */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Space } from '../src/api/spaces.ts'
import { collectionPath } from '../src/engines/kubernetes/cluster/kinds.ts'
import type { Deployment, Pod } from '../src/engines/kubernetes/cluster/objects.ts'
import { messages, PROTOCOL } from '../src/engines/kubernetes/streams/channels.ts'
import { openTestCluster, type TestCluster, withoutCluster } from '../src/engines/kubernetes/testing.ts'
import { bindCluster } from './bind-cluster.ts'
import {
  askDebugger,
  type DevSession,
  enter,
  startDev,
  startTow,
  untilLive,
  untilServed,
  type Visit,
} from './dev-session.ts'
import { newPerson, type Person } from './tow.ts'

const SERVER = `import { createServer } from 'node:http'
import { text } from './text.js'
console.log('begins')
globalThis.text = text
createServer((_, response) => response.end(text)).listen(process.env.PORT)
process.on('SIGTERM', () => process.exit(0))
`

describe('tow dev on a cluster', { timeout: 120_000 }, () => {
  let ann: Person
  let cluster: TestCluster
  let folder: string
  let dev: DevSession
  let visit: Visit

  const write = (path: string, text: string) => writeFile(join(folder, path), text)
  const text = (value: string) => write('text.js', `export const text = '${value}'\n`)

  async function thePod(): Promise<Pod> {
    const { items } = await cluster.admin.request<{ items: Pod[] }>(
      'GET',
      collectionPath('Pod', cluster.namespace),
      { query: { labelSelector: 'app.kubernetes.io/name=hello--mine' } },
    )
    const [pod] = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    return pod!
  }

  /** Of the agent's container. */
  const agentOf = ({ status }: Pod) => status!.initContainerStatuses!.find(({ name }) => name === 'agent')!

  beforeEach(({ skip }) => skip(withoutCluster !== null, withoutCluster ?? ''))

  beforeAll(async () => {
    if (withoutCluster !== null) return
    ;[ann, cluster] = await Promise.all([newPerson(), openTestCluster()])
    folder = join(ann.folder, 'hello')
    await mkdir(folder)
    await write(
      'package.json',
      JSON.stringify({ name: 'hello', type: 'module', scripts: { start: 'node server.js' } }),
    )
    await write('server.js', SERVER)
    await text('one')
    expect(await ann.tow(['up'])).toMatchObject({ exit: 0 })
    const added = await ann.tow(['env', 'add', 'live', '--before', 'stage', ...bindCluster(cluster)])
    expect(added).toMatchObject({ exit: 0 })
    dev = await startDev(ann, folder, ['--space', 'mine', '--debug'])
    const [link] = dev.told.find(({ type }) => type === 'ready')!.links!
    visit = await enter(link!.url, process.env.TOW_TEST_GATEWAY)
  }, 240_000)

  afterAll(async () => {
    await dev?.interrupt()
    await ann?.leave()
    await cluster?.dispose()
  }, 120_000)

  test('serves the working copy, and every save, by the same pod', async () => {
    await untilServed(visit, 'one')
    const before = await thePod()
    const live = dev.next(({ type }) => type === 'live')
    await text('two')
    expect(await live).toMatchObject({
      app: 'hello',
      files: 1,
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
    expect(await visit()).toMatchObject({ status: 200, text: 'two' })
    expect((await thePod()).metadata.uid).toBe(before.metadata.uid)
  })

  test('has an address where a debugger attaches, the same after every save, and a way to any port', async () => {
    const told = () => dev.told.find(({ type }) => type === 'debug')
    await expect.poll(told, { timeout: 20_000 }).toMatchObject({ app: 'hello', process: 'web' })
    const { address, attach } = told()!
    expect(attach).toMatchObject({ localRoot: folder, remoteRoot: '/workspace', restart: true })
    const file = 'file:///workspace/server.js'
    expect(await askDebugger(address!, 'text')).toEqual({ file, value: 'two' })
    await text('three')
    await untilServed(visit, 'three')
    expect(await askDebugger(address!, 'text')).toEqual({ file, value: 'three' })
    const forward = await startTow(ann, folder, ['forward', '--json', 'hello', '--space', 'mine'])
    const ready = forward.told.find(({ type }) => type === 'ready')!
    expect(await (await fetch(`http://${ready.address}/`)).text()).toBe('three')
    expect(await forward.interrupt()).toBe(130)
  })

  test('follows files that come and go', async () => {
    const added = untilLive(dev, 40)
    await mkdir(join(folder, 'pages'))
    await Promise.all(Array.from({ length: 40 }, (_, at) => write(`pages/${at}.txt`, `page ${at}`)))
    await added
    const gone = untilLive(dev, 40)
    await rm(join(folder, 'pages'), { recursive: true })
    await gone
  })

  test('answers no request with an error while it starts anew', async () => {
    const failed: unknown[] = []
    let asked = 0
    let stop = false
    const asking = (async () => {
      while (!stop) {
        asked++
        const answer = await visit().catch((error) => ({ status: 0, text: String(error) }))
        if (answer.status !== 200) failed.push(answer)
      }
    })()
    for (const value of ['four', 'five', 'five more']) {
      await text(value)
      await untilServed(visit, value)
    }
    stop = true
    await asking
    expect(asked).toBeGreaterThan(0)
    expect(failed).toEqual([])
  })

  test('says that the app ended, with what it wrote, answers 503, and the next save starts it again', async () => {
    const before = await thePod()
    const crashed = dev.next(({ type }) => type === 'crashed')
    const written = dev.next(
      (told) => told.type === 'log' && /does not provide an export/.test(told.text ?? ''),
    )
    await write('text.js', 'export const other = 1')
    expect(await crashed).toMatchObject({ app: 'hello', files: 1 })
    await written
    expect(await visit()).toMatchObject({ status: 503, text: expect.stringContaining('mine') })
    await expect
      .poll(async () => (await ann.ask<Space>(['spaces', 'show', 'mine'])).apps, { timeout: 20_000 })
      .toMatchObject([{ app: 'hello', state: 'failed' }])
    await text('six')
    await untilServed(visit, 'six')
    expect((await thePod()).status!.containerStatuses![0]!.restartCount).toBe(0)
    expect((await thePod()).metadata.uid).toBe(before.metadata.uid)
  })

  test('goes on where the agent was killed, and serves meanwhile', async () => {
    const before = await thePod()
    const query = new URLSearchParams({ container: 'agent', stdout: 'true' })
    for (const word of ['kill', '1']) query.append('command', word)
    const path = `${collectionPath('Pod', cluster.namespace)}/${before.metadata.name}/exec`
    for await (const _ of messages(await cluster.admin.socket(path, query, PROTOCOL)));
    await text('seven')
    await untilServed(visit, 'seven')
    await text('eight')
    await untilServed(visit, 'eight')
    const after = await thePod()
    expect(after.metadata.uid).toBe(before.metadata.uid)
    expect(agentOf(after).restartCount).toBe(1)
    expect(after.status!.containerStatuses![0]!.restartCount).toBe(0)
  })

  test('goes on where its pod was deleted, with what was saved before and meanwhile', async () => {
    await write('kept.txt', 'written before')
    await text('nine')
    await untilServed(visit, 'nine')
    const before = await thePod()
    const path = `${collectionPath('Pod', cluster.namespace)}/${before.metadata.name}`
    const live = dev.next(({ type }) => type === 'live')
    await cluster.admin.request('DELETE', path)
    await text('ten')
    await live
    await untilServed(visit, 'ten')
    expect((await thePod()).metadata.uid).not.toBe(before.metadata.uid)
    const equal = await ann.tow(['dev', '--once', '--space', 'mine', '--debug'], { cwd: folder })
    expect({ exit: equal.exit, stderr: equal.stderr }).toMatchObject({ exit: 0 })
  })

  test('builds anew what depends on a changed build input, and goes on in the pod that takes its place', async () => {
    const manifest = { name: 'hello', version: '2.0.0', type: 'module', scripts: { start: 'node server.js' } }
    const setOf = async () => (await thePod())?.metadata.labels?.['towpath.dev/set'] ?? before
    const before = (await thePod()).metadata.labels!['towpath.dev/set']!
    await write('package.json', JSON.stringify(manifest))
    await text('eleven')
    await untilServed(visit, 'eleven')
    // The pod of before serves, and follows, while the other is built.
    await expect.poll(setOf, { timeout: 60_000 }).not.toBe(before)
    await text('twelve')
    await untilServed(visit, 'twelve')
  })

  test('tells each line of the log with the space that it was written in', async () => {
    const { stdout } = await ann.tow(['logs', '--space', 'mine', '-a', 'hello', '--json'], { cwd: folder })
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { space?: string })
    expect([...new Set(lines.map(({ space }) => space))]).toEqual(['mine'])
  })

  test('has what somebody changed of its objects told, and put back by a restart', async () => {
    const path = collectionPath('Deployment', cluster.namespace)
    const { items } = await cluster.admin.request<{ items: Deployment[] }>('GET', path, {
      query: { labelSelector: 'app.kubernetes.io/name=hello--mine' },
    })
    await cluster.admin.request('PATCH', `${path}/${items[0]!.metadata.name}`, {
      query: { fieldManager: 'kubectl-edit' },
      contentType: 'application/merge-patch+json',
      body: { spec: { progressDeadlineSeconds: 999 } },
    })
    const drift = () => ann.tow(['drift', '--space', 'mine', '-a', 'hello'])
    const found = await drift()
    expect(found.stdout).toContain('spec.progressDeadlineSeconds is 999')
    expect(found.stdout).toContain('(changed by kubectl-edit)')
    expect(found.stderr).toContain('tow restart -a hello --space mine puts it back')
    expect(await ann.tow(['restart', '-a', 'hello', '--space', 'mine'])).toMatchObject({ exit: 0 })
    await expect.poll(async () => (await drift()).stdout, { timeout: 60_000 }).toBe('')
  })

  test('ends its copy with Ctrl-C, and no pod of it is left', async () => {
    expect(await dev.interrupt()).toBe(130)
    await expect.poll(thePod, { timeout: 60_000 }).toBeUndefined()
  })
})
