/** Stage and prod in two clusters: the same artifact, to the byte, from the registry of one to the registry of the other. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Release } from '../src/api/releases.ts'
import { openTestCluster, type TestCluster, withoutCluster } from '../src/engines/kubernetes/testing.ts'
import { newPerson, type Person } from './tow.ts'

const { env } = process
const reason =
  withoutCluster ??
  (env.TOW_TEST_KUBECONFIG_2 === undefined
    ? 'TOW_TEST_KUBECONFIG_2 (with TOW_TEST_REGISTRY_2 and TOW_TEST_GATEWAY_2) names no second cluster'
    : null)

const SERVER = `
const server = require('node:http').createServer((request, response) => response.end('hello ' + process.env.TOW_ENVIRONMENT))
server.listen(process.env.PORT)
process.on('SIGTERM', () => server.close())
`

describe('two clusters', { timeout: 180_000 }, () => {
  let ann: Person
  let near: TestCluster
  let far: TestCluster
  let folder: string

  beforeEach(({ skip }) => skip(reason !== null, reason ?? ''))

  beforeAll(async () => {
    if (reason !== null) return
    const second = {
      kubeconfig: env.TOW_TEST_KUBECONFIG_2 as string,
      gateway: env.TOW_TEST_GATEWAY_2 as string,
    }
    ;[ann, near, far] = await Promise.all([newPerson(), openTestCluster(), openTestCluster(second)])
    folder = join(ann.folder, 'shop')
    await mkdir(folder)
    await writeFile(join(folder, 'server.js'), SERVER)
    await writeFile(
      join(folder, 'package.json'),
      '{"name":"shop","version":"1.0.0","scripts":{"start":"node server.js"}}',
    )
    expect(await ann.tow(['up'])).toMatchObject({ exit: 0 })
    for (const [name, cluster, registry] of [
      ['near', near, env.TOW_TEST_REGISTRY],
      ['far', far, env.TOW_TEST_REGISTRY_2],
    ] as const) {
      const words = ['--engine', 'kubernetes', '--context', 'limited', '--gateway', 'gateway/public']
      words.push('--kubeconfig', cluster.kubeconfig, '--namespace', cluster.namespace, '--plain-registry')
      words.push('--registry', `${registry}/${cluster.namespace}`, '--domain', domainOf(cluster))
      words.push('--base', `node=${registry}/base/node:24`)
      expect(await ann.tow(['env', 'add', name, '--before', 'stage', ...words])).toMatchObject({ exit: 0 })
    }
  }, 180_000)

  afterAll(async () => {
    await ann?.leave()
    await near?.dispose()
    await far?.dispose()
  }, 120_000)

  const domainOf = ({ namespace }: TestCluster) => `${namespace}.${env.TOW_TEST_DOMAIN}`
  const tow = (...words: string[]) => ann.tow(words, { cwd: folder })
  const answer = async (cluster: TestCluster) =>
    (await cluster.fetch(`http://shop.${domainOf(cluster)}/`)).text()
  const release = (environment: string) =>
    ann.ask<Release>(['releases', 'v1', '-a', 'shop', '-e', environment])
  /** The layers of the image that an environment runs, as its own registry lists them. */
  async function layersOf(environment: string): Promise<string[]> {
    const { stdout } = await tow('env', 'export', '-e', environment)
    const [, registry, repository, digest] = /image: ([^/\s]+)\/(\S+)@(sha256:\S+)/.exec(stdout) as string[]
    const headers = { accept: 'application/vnd.oci.image.manifest.v1+json' }
    const found = await fetch(`http://${registry}/v2/${repository}/manifests/${digest}`, { headers })
    return ((await found.json()) as { layers: { digest: string }[] }).layers.map((layer) => layer.digest)
  }

  test('what is live in one is promoted to the other: the same artifact, by the same digests', async () => {
    expect(await tow('ship', '-e', 'near')).toMatchObject({ exit: 0 })
    expect(await answer(near)).toBe('hello near')
    expect(await tow('promote', 'shop')).toMatchObject({ exit: 0 })
    expect(await answer(far)).toBe('hello far')
    expect(await answer(near)).toBe('hello near')
    const [from, to] = await Promise.all([release('near'), release('far')])
    expect(to.artifact).toBe(from.artifact)
    const ours = from.content.layers.map((layer) => layer.digest)
    expect((await layersOf('near')).slice(-ours.length)).toEqual(ours)
    expect((await layersOf('far')).slice(-ours.length)).toEqual(ours)
  })
})
