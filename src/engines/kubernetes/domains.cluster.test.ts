/** Names of one's own on a real Gateway: listeners with certificates, asked over TLS by their names. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { type Certificates, makeCertificates } from '../../../test/certificates.ts'
import { layerDigests } from '../../images/layer.ts'
import {
  createSampleContent,
  type SampleContent,
  sampleArtifact,
  sampleSet,
  wholly,
} from '../conformance/sample.ts'
import type { Desired, Engine, SeenDomain, Target, WantedDomain } from '../engine.ts'
import { collectionPath, type KubeObject, objectPath } from './cluster/kinds.ts'
import type { Gateway } from './domains/listeners.ts'
import { openTestCluster, type TestCluster, withoutCluster } from './testing.ts'

const PATIENCE = 90_000
const GATEWAY = '/apis/gateway.networking.k8s.io/v1/namespaces/gateway/gateways/public'
const RIGHTS = '/apis/rbac.authorization.k8s.io/v1/namespaces/gateway'
let folder: string
let content: SampleContent
let certificates: Certificates
let serial = 0

interface Served {
  status: number
  body: string
  /** Serial number of the certificate that was shown. */
  certificate: string
}

/** As a browser asks: by the name, which is checked against the certificate. */
function askTls(host: string): Promise<Served | Error> {
  return new Promise((resolve) => {
    const asked = request(
      {
        ...{ host: process.env.TOW_TEST_GATEWAY, port: 443, servername: host, headers: { host } },
        ...{ ca: readFileSync(certificates.authority), agent: false },
      },
      async (response) => {
        const { serialNumber } = (response.socket as TLSSocket).getPeerCertificate()
        const chunks = await response.toArray()
        resolve({
          status: response.statusCode ?? 0,
          body: Buffer.concat(chunks).toString(),
          certificate: serialNumber,
        })
      },
    )
    asked.on('error', resolve)
    asked.end()
  })
}

async function until<T>(look: () => Promise<T>, holds: (seen: T) => boolean): Promise<T> {
  for (const end = Date.now() + PATIENCE; ; ) {
    const seen = await look()
    if (holds(seen)) return seen
    if (Date.now() > end) throw new Error(`never seen: ${JSON.stringify(seen, null, 1)} ${seen}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}
const served = (host: string, body = 'v1') =>
  until(
    () => askTls(host),
    (answer) => !(answer instanceof Error) && answer.status === 200 && answer.body.includes(body),
  ) as Promise<Served>

beforeAll(async () => {
  if (withoutCluster !== null) return
  folder = mkdtempSync(join(tmpdir(), 'tow-domains-'))
  certificates = makeCertificates(folder)
  content = createSampleContent(join(folder, 'blobs'), (tree, blobs) =>
    layerDigests(tree.entries, blobs.read, { prefix: 'workspace' }),
  )
})
afterAll(() => folder && rmSync(folder, { recursive: true, force: true }))
beforeEach(({ skip }) => skip(withoutCluster !== null, withoutCluster ?? ''))

/** An app that runs, and what is done to its domains. */
async function openShop(cluster: TestCluster, app: string) {
  const engine: Engine = cluster.engine(content)
  const target: Target = { app, environment: 'stage' }
  const desired = wholly(sampleSet(await sampleArtifact(content), 1))
  let generation = 0
  async function settle(change: Partial<Desired>): Promise<void> {
    await engine.apply(target, ++generation, { ...desired, ...change })
    for await (const seen of engine.watch(target, AbortSignal.timeout(PATIENCE)))
      if (seen.generation === generation && seen.settled) return
    throw new Error('it never settled')
  }
  return {
    host: (name: string) => `${name}.${app}-${cluster.namespace}.example.com`,
    settle,
    /** The engine of a process that starts anew. */
    domains: (...domains: WantedDomain[]) => settle({ domains }),
    seen: async () => (await engine.domains(target))[0]!,
    exported: () => engine.export(target),
    remove: () => engine.remove(target, 1000),
    async keepCertificate(secret: string, ...names: string[]): Promise<void> {
      const { cert, key } = certificates.issue(names, ++serial)
      const data = Object.fromEntries(
        Object.entries({ 'tls.crt': cert, 'tls.key': key }).map(([name, file]) => [
          name,
          readFileSync(file).toString('base64'),
        ]),
      )
      const metadata = { name: secret, namespace: cluster.namespace }
      const body = { apiVersion: 'v1', kind: 'Secret', metadata, type: 'kubernetes.io/tls', data }
      const there = objectPath('Secret', cluster.namespace, secret)
      if (await cluster.admin.request('GET', there).catch(() => null))
        await cluster.admin.request('PUT', there, { body })
      else await cluster.admin.request('POST', collectionPath('Secret', cluster.namespace), { body })
    },
  }
}
const listeners = async (cluster: TestCluster, part: string) =>
  (await cluster.admin.request<Gateway>('GET', GATEWAY)).spec.listeners.filter(({ name }) =>
    name.includes(part),
  )

/** Of the Gateway, which is everybody's: between the look and the change another may have come or gone. */
async function takeAway(cluster: TestCluster, host: string): Promise<void> {
  await until(
    async () => {
      const gateway = await cluster.admin.request<Gateway>('GET', GATEWAY)
      const at = gateway.spec.listeners.findIndex(({ hostname }) => hostname === host)
      const path = `/spec/listeners/${at}`
      const body = [
        { op: 'test', path: `${path}/hostname`, value: host },
        { op: 'remove', path },
      ]
      const call = { contentType: 'application/json-patch+json', body }
      return cluster.admin.request('PATCH', GATEWAY, call).then(
        () => null,
        (error) => error,
      )
    },
    (refused) => refused === null,
  )
}

describe('with the right to change the Gateway', { timeout: PATIENCE * 2 }, () => {
  let cluster: TestCluster
  let shop: Awaited<ReturnType<typeof openShop>>
  beforeAll(async () => {
    if (withoutCluster !== null) return
    cluster = await openTestCluster(undefined, { listeners: true })
    shop = await openShop(cluster, 'shop')
  })
  afterAll(async () => {
    await shop?.remove()
    await cluster?.dispose()
  }, PATIENCE)

  test('a name is served over HTTPS with the certificate that was given, and the owner’s listeners stay', async () => {
    const host = shop.host('www')
    await shop.keepCertificate('shop-tls', host)
    await shop.domains({ host, certificate: 'shop-tls' })
    expect(await served(host)).toMatchObject({ status: 200, certificate: expect.stringMatching(/1$/) })
    const seen = await until(shop.seen, ({ isTaken }) => isTaken === true)
    expect(seen).toEqual({
      ...{ host, url: `https://${host}`, isTaken: true, problems: [] },
      entrances: [process.env.TOW_TEST_GATEWAY],
      expiresAt: expect.stringMatching(/^\d{4}-/),
    } satisfies Record<keyof SeenDomain, unknown>)
    expect(await listeners(cluster, 'web')).toHaveLength(1)
    const exported = parseAllDocuments(await shop.exported()).map((one) => one.toJS() as KubeObject)
    expect(exported.filter(({ kind }) => kind === 'Gateway')).toEqual([
      {
        ...{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway' },
        metadata: { name: 'public', namespace: 'gateway' },
        spec: { listeners: await listeners(cluster, host) },
      },
    ])
    expect(await listeners(cluster, host)).toMatchObject([
      {
        ...{ hostname: host, port: 443, protocol: 'HTTPS' },
        allowedRoutes: {
          namespaces: {
            from: 'Selector',
            selector: { matchLabels: { 'kubernetes.io/metadata.name': cluster.namespace } },
          },
        },
      },
    ])
  })

  test('a renewed certificate is taken over by itself', async () => {
    const host = shop.host('www')
    const before = await served(host)
    await shop.keepCertificate('shop-tls', host)
    await until(
      () => askTls(host),
      (answer) => !(answer instanceof Error) && answer.certificate !== before.certificate,
    )
  })

  test('a release changes nothing about it, and a second name comes and goes beside it', async () => {
    const [host, other] = [shop.host('www'), shop.host('other')]
    await shop.keepCertificate('other-tls', other)
    const first = { host, certificate: 'shop-tls' }
    await shop.settle({
      ...wholly(sampleSet(await sampleArtifact(content, 'second'), 2)),
      domains: [first, { host: other, certificate: 'other-tls' }],
    })
    await served(other, 'v2')
    await served(host, 'v2')
    await shop.domains(first)
    await until(
      () => listeners(cluster, other),
      (left) => left.length === 0,
    )
    await served(host)
    expect(await askTls(other)).toBeInstanceOf(Error)
  })

  test.each([
    ['a Secret that is not there', 'nothing-tls', null, /there is no Secret nothing-tls/],
    [
      'a certificate for other names',
      'wrong-tls',
      'wrong.example.com',
      /is for wrong\.example\.com, and not for www\./,
    ],
  ])('%s is told, with what helps, and mended without another order', async (_, secret, name, message) => {
    const host = shop.host('www')
    if (name !== null) await shop.keepCertificate(secret, name)
    await shop.domains({ host, certificate: secret })
    const { problems } = await shop.seen()
    expect(problems[0]).toMatchObject({
      message: expect.stringMatching(message),
      hint: expect.stringContaining(secret),
    })
    await shop.keepCertificate(secret, host)
    await until(shop.seen, (seen) => seen.isTaken === true && seen.problems.length === 0)
    await served(host)
  })

  test('a listener that somebody took away is put back', async () => {
    const host = shop.host('www')
    await takeAway(cluster, host)
    await until(
      () => listeners(cluster, host),
      (left) => left.length === 1,
    )
  })

  test('nothing is left on the Gateway when the app is removed', async () => {
    await shop.remove()
    expect(await listeners(cluster, cluster.namespace)).toEqual([])
    expect(await listeners(cluster, 'web')).toHaveLength(1)
  })
})

describe('without that right', { timeout: PATIENCE * 2 }, () => {
  let cluster: TestCluster
  let shop: Awaited<ReturnType<typeof openShop>>
  const name = () => `look-${cluster.namespace}`
  beforeAll(async () => {
    if (withoutCluster !== null) return
    cluster = await openTestCluster()
    shop = await openShop(cluster, 'shop')
  })
  afterAll(async () => {
    if (!cluster) return
    await shop?.remove()
    for (const kind of ['rolebindings', 'roles'])
      await cluster.admin.request('DELETE', `${RIGHTS}/${kind}/${name()}`).catch(() => {})
    await cluster.dispose()
  }, PATIENCE)

  const patchIn = (hint = '') => /-p '(.*)'$/m.exec(hint)?.[1] ?? ''

  test('the app goes live, and the command for the Gateway’s owner is told', async () => {
    const host = shop.host('www')
    await shop.keepCertificate('shop-tls', host)
    await shop.domains({ host, certificate: 'shop-tls' })
    const { isTaken, problems } = await shop.seen()
    expect(isTaken).toBeNull()
    expect(problems).toMatchObject([
      {
        message: `the Gateway gateway/public may not be read from here, so nobody knows whether it listens for ${host}`,
        hint: expect.stringContaining(
          `for its owner: kubectl -n gateway patch gateway public --type json -p '[`,
        ),
      },
    ])
    expect(problems[0]!.hint).toContain(`charts/access -n ${cluster.namespace} --set gateway.name=public`)
  })

  test('where it may be read, what is missing is known; and the command makes it work, as it is printed', async () => {
    const host = shop.host('www')
    const metadata = { name: name(), namespace: 'gateway' }
    const apiVersion = 'rbac.authorization.k8s.io/v1'
    const rules = [{ apiGroups: ['gateway.networking.k8s.io'], resources: ['gateways'], verbs: ['get'] }]
    await cluster.admin.request('POST', `${RIGHTS}/roles`, {
      body: { apiVersion, kind: 'Role', metadata, rules },
    })
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: name() }
    const subjects = [{ kind: 'ServiceAccount', name: 'towpath', namespace: cluster.namespace }]
    const body = { apiVersion, kind: 'RoleBinding', metadata, roleRef, subjects }
    await cluster.admin.request('POST', `${RIGHTS}/rolebindings`, { body })
    const { problems } = await until(shop.seen, ({ isTaken }) => isTaken === false)
    expect(problems).toMatchObject([
      {
        message: `the Gateway gateway/public does not listen over HTTPS for ${host}, and may not be changed from here`,
      },
    ])

    await cluster.admin.request('PATCH', GATEWAY, {
      contentType: 'application/json-patch+json',
      body: JSON.parse(patchIn(problems[0]!.hint)),
    })
    await served(host)
    expect(await until(shop.seen, ({ isTaken }) => isTaken === true)).toMatchObject({ problems: [] })
    await takeAway(cluster, host)
  })
})
