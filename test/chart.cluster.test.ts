/** THE chart by hand on a real cluster: plain helm, a namespace that enforces the restricted Pod Security standard. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { request } from 'node:http'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { EVERYTHING } from './manifests/everything.ts'
import { chartFolder, hasHelm, helm, type Manifest, render, WITHOUT_HELM } from './manifests/helm.ts'

const { TOW_TEST_KUBECONFIG, TOW_TEST_REGISTRY, TOW_TEST_GATEWAY, TOW_TEST_DOMAIN } = process.env
const hasKubectl = (process.env.PATH ?? '').split(':').some((folder) => existsSync(`${folder}/kubectl`))
const namespace = `tow-chart-${randomBytes(3).toString('hex')}`
const isSkipped = !TOW_TEST_KUBECONFIG || !hasHelm || !hasKubectl
const SERVER = `node -e 'require("http").createServer((_, answer) => answer.end(process.env.TOW_RELEASE + " " + process.env.GREETING)).listen(process.env.PORT)'`

async function kubectl(words: string[], input?: string): Promise<{ stdout: string; stderr: string }> {
  const work = promisify(execFile)('kubectl', ['--kubeconfig', TOW_TEST_KUBECONFIG as string, ...words])
  work.child.stdin?.end(input ?? '')
  return work
}

const withKubeconfig = (words: string[], values: object) =>
  helm([...words, '--kubeconfig', TOW_TEST_KUBECONFIG as string, '--namespace', namespace], values)

function get(): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: TOW_TEST_GATEWAY, headers: { host: `${namespace}.${TOW_TEST_DOMAIN}` }, agent: false },
      async (response) => resolve((await response.setEncoding('utf8').toArray()).join('')),
    )
    asked.on('error', reject)
    asked.end()
  })
}

const values = (sets: string[], split: Record<string, number>) => ({
  sets: Object.fromEntries(
    sets.map((id) => [
      id,
      {
        image: `${TOW_TEST_REGISTRY}/base/node:24`,
        config: ['by-hand'],
        processes: { web: { command: SERVER, count: 2, memory: '128Mi' } },
      },
    ]),
  ),
  split,
  drainSeconds: 2,
  route: {
    hostnames: [`${namespace}.${TOW_TEST_DOMAIN}`],
    gateways: [{ name: 'public', namespace: 'gateway' }],
  },
})

beforeAll(async () => {
  if (isSkipped) return
  await kubectl(['create', 'namespace', namespace])
  const level = ['enforce', 'warn'].map((mode) => `pod-security.kubernetes.io/${mode}=restricted`)
  await kubectl(['label', 'namespace', namespace, ...level])
})
afterAll(async () => {
  if (!isSkipped) await kubectl(['delete', 'namespace', namespace, '--wait=false'])
})
beforeEach(({ skip }) => {
  skip(!TOW_TEST_KUBECONFIG, 'TOW_TEST_KUBECONFIG names no cluster')
  skip(!hasHelm, WITHOUT_HELM)
  skip(!hasKubectl, 'kubectl is not on the PATH')
})

describe('the chart on a real cluster', { timeout: 300_000 }, () => {
  test('everything that it renders is taken to the letter, without a warning', async () => {
    const manifests: Manifest[] = await render('app', { ...EVERYTHING, priorityClassName: '' })
    const text = manifests
      .map((one) => ({ ...one, metadata: { ...one.metadata, namespace } }))
      .map((one) => `---\n${stringify(one)}`)
      .join('')
    const words = ['apply', '--server-side', '--dry-run=server', '--validate=strict', '-f', '-']
    const { stdout, stderr } = await kubectl(words, text)
    expect(stdout.trim().split('\n')).toHaveLength(manifests.length)
    expect(stderr).toBe('')
    const bad = text.replace('automountServiceAccountToken', 'automountToken')
    await expect(kubectl(words, bad)).rejects.toThrow(/automountToken/)
  })

  test('is installed, upgraded to the next set and removed by plain helm', async () => {
    await kubectl([
      '-n',
      namespace,
      'create',
      'secret',
      'generic',
      'by-hand',
      '--from-literal=GREETING=hello',
    ])
    await withKubeconfig(
      ['install', 'shop', chartFolder('app'), '--wait', '--timeout', '2m'],
      values(['v1'], { v1: 1 }),
    )
    await expect.poll(get, { timeout: 30_000 }).toBe('v1 hello')
    await withKubeconfig(
      ['upgrade', 'shop', chartFolder('app'), '--wait', '--timeout', '2m'],
      values(['v1', 'v2'], { v1: 1, v2: 0 }),
    )
    expect(await get()).toBe('v1 hello')
    await withKubeconfig(
      ['upgrade', 'shop', chartFolder('app'), '--wait', '--timeout', '2m'],
      values(['v1', 'v2'], { v2: 1 }),
    )
    await expect.poll(get, { timeout: 30_000 }).toBe('v2 hello')
    const { stdout } = await kubectl([
      '-n',
      namespace,
      'get',
      'pods',
      '-l',
      'app.kubernetes.io/name=shop',
      '-o',
      'name',
    ])
    expect(stdout.trim().split('\n')).toHaveLength(4)
    await promisify(execFile)('helm', [
      'uninstall',
      'shop',
      '--kubeconfig',
      TOW_TEST_KUBECONFIG as string,
      '--namespace',
      namespace,
    ])
    const left = await kubectl(['-n', namespace, 'get', 'deployments,services,httproutes', '-o', 'name'])
    expect(left.stdout).toBe('')
  })
})
