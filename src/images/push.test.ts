import { execFileSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Artifact } from '../api/app-spec.ts'
import { createImages, type Images, type PushedImage, type PushRequest } from './index.ts'
import {
  needsProgram,
  putBase,
  putIndex,
  type RunningRegistry,
  startFaults,
  startRegistry,
  type TestBase,
  type TestContent,
  testContent,
} from './testing.ts'

const AMD = { os: 'linux', arch: 'x64' } as const
const anonymous = { credentials: async () => null }
const DEPENDENCIES = { 'node_modules/x/index.js': 'module.exports = 1\n' }

let registry: RunningRegistry
let content: TestContent
let images: Images
beforeEach(async ({ skip }) => {
  needsProgram(skip, 'docker-registry')
  registry = await startRegistry()
  content = testContent()
  images = createImages(anonymous)
})

const requestFor = async (
  text: string,
  more: Partial<PushRequest> = {},
  facts: Parameters<TestContent['artifact']>[1] = {},
): Promise<PushRequest> => ({
  artifact: await content.artifact({ dependencies: DEPENDENCIES, app: { 'server.js': text } }, facts),
  app: 'shop',
  origin: { commit: 'c'.repeat(40), branch: 'main' },
  entries: content.entries,
  readBlob: content.readBlob,
  bases: { node: `${registry.host}/base/node:{major}` },
  platform: AMD,
  repository: `${registry.host}/apps/shop`,
  ...more,
})

/** Of the two bytes that stand for the config of what has none. */
const EMPTY = `sha256:${hash('sha256', '{}')}`

const waysOf = ({ layers }: PushedImage) => layers.map(({ from, how }) => `${from} ${how}`)

describe('an artifact that does not fit is refused, and nothing is sent', () => {
  const LINUX = { os: 'linux', arch: 'x64' } as const
  const cases: [string, TestBase, Partial<Artifact>, RegExp, code?: string][] = [
    [
      'machine code for another system',
      {},
      { platform: { os: 'darwin', arch: 'arm64' } },
      /machine code for darwin\/arm64, and the image is for linux\/x64/,
      'platform',
    ],
    [
      'machine code for another C library',
      { files: { 'lib/ld-musl-x86_64.so.1': '' } },
      { platform: { ...LINUX, libc: 'glibc' } },
      /for glibc, and its base .*\/base\/node:24 has musl/,
      'platform',
    ],
    [
      'machine code, and no C library at all',
      {},
      { platform: { ...LINUX, libc: 'glibc' } },
      /has no C library/,
      'platform',
    ],
    [
      'another version of the language',
      { env: ['NODE_VERSION=18.20.1'] },
      {},
      /needs node >=20, and its base .* has node 18\.20\.1/,
    ],
    [
      'another version, told by the name of the base',
      { env: [] },
      { runtime: { name: 'node', version: '24.1.0', range: '22.x' } },
      /needs node 22\.x, and its base .* has node 24/,
    ],
    [
      'another language',
      {},
      { runtime: { name: 'python', version: '3.12.1', range: '3.12.x' } },
      /needs python 3\.12\.x, and its base .* has no python/,
    ],
    [
      'another version, found among the files of the base',
      { files: { 'usr/bin/python3.11': '' } },
      { runtime: { name: 'python', version: '3.12.1', range: '3.12.x' } },
      /has python 3\.11/,
    ],
  ]
  test.each(cases)('%s', async (_, base, facts, message, code = 'runtime-missing') => {
    await putBase(registry.host, 'base/node:24', base)
    const bases = { node: `${registry.host}/base/node:24`, python: `${registry.host}/base/node:24` }
    const refused = images.push(await requestFor('x', { bases }, facts))
    await expect(refused).rejects.toMatchObject({
      code: 'REFUSED',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(/base image|build it on/),
    })
    expect(await repositories()).toEqual(['base/node'])
    const { artifact, platform } = await requestFor('x', {}, facts)
    expect(await images.refuses({ artifact, platform, bases })).toMatchObject({
      code,
      message: expect.stringMatching(message),
    })
  })

  test('a base that is not there, or is there for other machines only', async () => {
    const name = `${registry.host}/base/node:24`
    const judge = async () => {
      const { artifact, platform, bases } = await requestFor('x')
      const [refused, lacking] = [
        images.refuses({ artifact, platform, bases: bases! }),
        images.lacks(name, platform),
      ]
      return [(await refused)?.message, (await lacking)?.message]
    }
    const none = `There is no image ${name}`
    expect(await judge()).toEqual([`${none}: the app would stand on it`, none])
    const missing = images.push(await requestFor('x'))
    await expect(missing).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: `There is no image ${registry.host}/base/node:24`,
    })
    const arm = await putBase(registry.host, 'base/node:arm', { architecture: 'arm64' })
    await putIndex(registry.host, 'base/node:24', { arm64: arm })
    const other = images.push(await requestFor('x'))
    await expect(other).rejects.toMatchObject({
      code: 'REFUSED',
      message: `${registry.host}/base/node:24 is not there for linux/x64, but for linux/arm64`,
    })
    const wrong = `${name} is not there for linux/x64, but for linux/arm64`
    expect(await judge()).toEqual([`${wrong}: the app would stand on it`, wrong])
    await putBase(registry.host, 'base/node:24', {})
    expect(await judge()).toEqual([undefined, undefined])
    await registry.stop()
    await expect(judge()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  test('machine code runs on a base that has its C library', async () => {
    await putBase(registry.host, 'base/node:24', { files: { 'lib64/ld-linux-x86-64.so.2': '' } })
    const { notes } = await images.push(await requestFor('x', {}, { platform: { ...LINUX, libc: 'glibc' } }))
    expect(notes).toEqual([])
    const { artifact, platform, bases } = await requestFor('x')
    expect(await images.refuses({ artifact, platform, bases: bases! })).toBeNull()
  })
})

describe('an artifact in a real registry', () => {
  test('is read back by skopeo: files, order of layers, variables, user, command', async ({ skip }) => {
    needsProgram(skip, 'skopeo')
    await putBase(registry.host, 'base/node:24', { inDockerWords: true })
    const pushed = await images.push(await requestFor('first'))
    expect(waysOf(pushed)).toEqual(['base mounted', 'dependencies sent', 'app sent'])
    const { config, files } = readBack(pushed.reference)
    expect(config).toMatchObject({
      architecture: 'amd64',
      os: 'linux',
      created: '1980-01-01T00:00:01Z',
      config: {
        User: '1000:1000',
        WorkingDir: '/workspace',
        Cmd: ['sh', '-c', 'node server.js'],
        Env: ['NODE_VERSION=24.1.0', 'PATH=/workspace/node_modules/.bin:/usr/bin:/bin'],
      },
    })
    expect(config.config).not.toHaveProperty('Entrypoint')
    expect(config.history).toHaveLength(4)
    expect(files).toEqual({
      'etc/name': 'base/node:24',
      'workspace/node_modules/x/index.js': 'module.exports = 1\n',
      'workspace/server.js': 'first',
    })
  })

  test('the same inputs give the same digest, everywhere, and the second time nothing is sent', async () => {
    await putBase(registry.host, 'base/node:24')
    const request = await requestFor('same')
    const first = await images.push(request)
    const [again, stranger] = [await images.push(request), await createImages(anonymous).push(request)]
    for (const repeated of [again, stranger]) {
      expect(repeated).toMatchObject({ reference: first.reference, bytesSent: 0 })
      expect(waysOf(repeated)).toEqual(['base there', 'dependencies there', 'app there'])
    }
  })

  test('of a changed line only its layer and the documents are sent', async () => {
    await putBase(registry.host, 'base/node:24')
    await images.push(await requestFor('one'))
    const second = await images.push(await requestFor('two'))
    expect(waysOf(second)).toEqual(['base there', 'dependencies there', 'app sent'])
    expect(second.bytesSent).toBeLessThan(100_000)
  })

  test('what another app of the registry has is mounted from there', async () => {
    await putBase(registry.host, 'base/node:24')
    await images.push(await requestFor('one'))
    const repository = `${registry.host}/apps/other`
    const other = await images.push(await requestFor('two', { repository, app: 'other' }))
    expect(waysOf(other)).toEqual(['base mounted', 'dependencies mounted', 'app sent'])
  })

  test('a new base alone re-bases: nothing is packed, and the layers above stay', async () => {
    await putBase(registry.host, 'base/node:24')
    const request = await requestFor('same')
    const first = await images.push(request)
    await putBase(registry.host, 'base/node:24', { files: { 'etc/patched': 'yes' } })
    const packed: string[] = []
    const entries = (tree: string) => {
      packed.push(tree)
      return request.entries(tree)
    }
    const second = await images.push({ ...request, entries })
    expect(second.reference).not.toBe(first.reference)
    expect(waysOf(second)).toEqual(['base mounted', 'dependencies there', 'app there'])
    expect(packed).toEqual([])
    const back = await images.push({ ...request, bases: { node: first.base } })
    expect(back.reference).toBe(first.reference)
  })

  test('of a base for several architectures the one that is wanted is taken', async () => {
    const amd64 = await putBase(registry.host, 'base/node:amd64', { files: { 'etc/arch': 'amd64' } })
    const arm64 = await putBase(registry.host, 'base/node:arm64', {
      files: { 'etc/arch': 'arm64' },
      architecture: 'arm64',
    })
    const index = await putIndex(registry.host, 'base/node:24', { amd64, arm64 })
    const pushed = await images.push(await requestFor('x', { platform: { os: 'linux', arch: 'arm64' } }))
    expect(pushed.base).toBe(`${registry.host}/base/node:24@${index.digest}`)
    const config = await configOf(pushed)
    expect(config).toMatchObject({ architecture: 'arm64', os: 'linux' })
    expect(config.config.Labels).toMatchObject({
      'org.opencontainers.image.base.name': `${registry.host}/base/node:24`,
      'org.opencontainers.image.base.digest': index.digest,
      'org.opencontainers.image.title': 'shop',
    })
  })

  test('a base of another registry is carried over', async () => {
    const other = await startRegistry()
    await putBase(other.host, 'base/node:24')
    const bases = { node: `${other.host}/base/node:24` }
    const pushed = await images.push(await requestFor('x', { bases }))
    expect(waysOf(pushed)).toEqual(['base sent', 'dependencies sent', 'app sent'])
    expect(waysOf(await images.push(await requestFor('y', { bases })))).toEqual([
      'base there',
      'dependencies there',
      'app sent',
    ])
  })

  test('what the registry has thrown away meanwhile is sent again', async () => {
    await putBase(registry.host, 'base/node:24')
    const first = await images.push(await requestFor('one'))
    const gone = first.layers.find(({ from }) => from === 'dependencies')!.digest
    for (const digest of [gone, EMPTY])
      expect((await ask(`apps/shop/blobs/${digest}`, 'DELETE')).status).toBe(202)
    const second = await images.push(await requestFor('two'))
    expect(waysOf(second)).toEqual(['base mounted', 'dependencies sent', 'app there'])
    expect((await ask(`apps/shop/blobs/${gone}`, 'HEAD')).status).toBe(200)
  })

  test('a layer that is packed to other bytes than promised is not used', async () => {
    await putBase(registry.host, 'base/node:24')
    const request = await requestFor('promised')
    const changed = async function* () {
      yield Buffer.from('delivered')
    }
    const app = request.artifact.layers[1]!
    const readBlob = (digest: string) =>
      digest === request.artifact.sbom ? request.readBlob(digest) : changed()
    const entries = async (tree: string) =>
      (await request.entries(tree)).map((entry) => ({ ...entry, size: 'delivered'.length }))
    await expect(images.push({ ...request, readBlob, entries })).rejects.toThrow(/its artifact promises/)
    expect((await ask(`apps/shop/blobs/${app.digest}`, 'HEAD')).status).toBe(404)
  })

  test('a push that is given up ends, and the next one completes it', async () => {
    await putBase(registry.host, 'base/node:24')
    const request = await requestFor('x')
    const giveUp = new AbortController()
    const entries = async (tree: string) => {
      giveUp.abort(new Error('given up'))
      return request.entries(tree)
    }
    await expect(images.push({ ...request, entries }, giveUp.signal)).rejects.toThrow('given up')
    await images.push(request)
  })
})

describe('what belongs to an image', () => {
  const referrers = async ({ reference }: PushedImage) => {
    const tag = reference.split('@')[1]!.replace(':', '-')
    const index = await (await ask(`apps/shop/manifests/${tag}`)).json()
    return Promise.all(
      index.manifests.map(async ({ digest, artifactType }: { digest: string; artifactType: string }) => {
        const manifest = await (await ask(`apps/shop/manifests/${digest}`)).json()
        const bytes = await (await ask(`apps/shop/blobs/${manifest.layers[0].digest}`)).json()
        return { artifactType, manifest, document: bytes }
      }),
    )
  }

  test('is listed under its tag where the registry keeps no referrers: the SBOM and where it comes from', async () => {
    await putBase(registry.host, 'base/node:24')
    const pushed = await images.push(await requestFor('x'))
    const [sbom, provenance, ...rest] = await referrers(pushed)
    expect(rest).toEqual([])
    const [repository, digest] = pushed.reference.split('@') as [string, string]
    for (const { manifest, artifactType } of [sbom, provenance]) {
      expect(manifest).toMatchObject({ artifactType, subject: { digest } })
    }
    expect(sbom.document).toMatchObject({ bomFormat: 'CycloneDX' })
    expect(provenance.document).toMatchObject({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: repository, digest: { sha256: digest.slice(7) } }],
      predicateType: 'https://slsa.dev/provenance/v1',
      predicate: {
        buildDefinition: {
          externalParameters: { app: 'shop', branch: 'main' },
          resolvedDependencies: [
            { name: 'source', digest: { gitCommit: 'c'.repeat(40) } },
            { name: 'artifact' },
            { name: 'base', uri: `oci://${registry.host}/base/node:24` },
          ],
        },
      },
    })
  })

  test('claims no commit for a working copy that differed from it', async () => {
    await putBase(registry.host, 'base/node:24')
    const origin = { commit: 'c'.repeat(40), dirty: true }
    const [, provenance] = await referrers(await images.push(await requestFor('x', { origin })))
    const text = JSON.stringify(provenance.document)
    expect(text).toContain('"dirty":true')
    expect(text).not.toContain('gitCommit')
  })

  test('is under no tag where the registry says that it keeps referrers itself', async () => {
    await putBase(registry.host, 'base/node:24')
    const front = await startFaults(registry.host, ({ method, url }) =>
      method === 'PUT' && url!.includes('/manifests/') ? { adds: { 'oci-subject': 'sha256:x' } } : null,
    )
    await images.push(await requestFor('x', { repository: `${front}/apps/shop` }))
    const { tags } = (await (await ask('apps/shop/tags/list')).json()) as { tags: string[] }
    expect(tags).toEqual([expect.stringMatching(/^tow-/)])
  })

  test('is there before the image is, so that no image is ever without it', async () => {
    await putBase(registry.host, 'base/node:24')
    const written: string[] = []
    const front = await startFaults(registry.host, ({ method, url }) => {
      if (method === 'PUT' && url!.includes('/manifests/')) written.push(url!.split('/').at(-1)!)
      return null
    })
    await images.push(await requestFor('x', { repository: `${front}/apps/shop` }))
    expect(written).toHaveLength(4)
    expect(written.at(-1)).toMatch(/^tow-/)
    expect(written.at(-2)).toMatch(/^sha256-/)
  })
})

describe('an image that was made elsewhere', () => {
  test('is pinned to its digest and says what it runs', async () => {
    const { digest } = await putBase(registry.host, 'elsewhere/app:v1', { env: ['A=b=c'] })
    expect(await images.resolve(`${registry.host}/elsewhere/app:v1`, AMD)).toMatchObject({
      reference: `${registry.host}/elsewhere/app@${digest}`,
      env: { A: 'b=c' },
      command: [],
      user: '',
      workdir: '/',
    })
  })

  test('is refused where it is none, or none for these machines', async () => {
    await putBase(registry.host, 'elsewhere/app:v1')
    const name = `${registry.host}/elsewhere/app`
    await expect(images.resolve(`${name}:v2`, AMD)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(images.resolve(`${name}:v1`, { os: 'linux', arch: 'arm64' })).rejects.toThrow(
      /is not there for linux\/arm64, but for linux\/x64/,
    )
    await expect(images.resolve('Shop', AMD)).rejects.toMatchObject({ code: 'BAD_INPUT' })
  })
})

describe('a registry is checked', () => {
  test('nothing is said where all is well, and nothing is left behind', async () => {
    expect(await images.check(registry.host)).toEqual([])
    expect(await images.check(`${registry.host}/team`)).toEqual([])
    expect(await repositories()).toEqual([])
  })

  test('who does not answer is named', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    server.close()
    const [problem] = await images.check(`${host}/team`)
    expect(problem).toMatchObject({
      code: 'registry-unreachable',
      message: `The registry ${host} does not answer: connect ECONNREFUSED ${host}`,
    })
  })
})

const ask = (path: string, method = 'GET') =>
  fetch(`http://${registry.host}/v2/${path}`, {
    method,
    headers: {
      accept: 'application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json',
    },
  })

async function repositories(): Promise<string[]> {
  const { repositories } = (await (await ask('_catalog')).json()) as { repositories: string[] }
  return repositories
}

async function configOf({ reference }: PushedImage) {
  const manifest = await (await ask(`apps/shop/manifests/${reference.split('@')[1]}`)).json()
  return (await ask(`apps/shop/blobs/${manifest.config.digest}`)).json()
}

/** What skopeo finds: the config, and every file of every layer, the later over the earlier. */
function readBack(reference: string) {
  const folder = mkdtempSync(join(tmpdir(), 'tow-skopeo-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const image = join(folder, 'image')
  execFileSync('skopeo', ['copy', '-q', '--src-tls-verify=false', `docker://${reference}`, `dir:${image}`])
  const manifest = JSON.parse(readFileSync(join(image, 'manifest.json'), 'utf8'))
  const blob = (digest: string) => join(image, digest.slice('sha256:'.length))
  const files: Record<string, string> = {}
  for (const { digest } of manifest.layers) {
    const names = execFileSync('tar', ['-tzf', blob(digest)], { encoding: 'utf8' })
      .trim()
      .split('\n')
    for (const name of names.filter((name) => !name.endsWith('/')))
      files[name] = execFileSync('tar', ['-xzOf', blob(digest), name], { encoding: 'utf8' })
  }
  return { manifest, config: JSON.parse(readFileSync(blob(manifest.config.digest), 'utf8')), files }
}
