/** What an experienced operator's scanner says of THE chart: nothing, but what is as it is on purpose. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import { beforeEach, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { EVERYTHING, LIVE } from './manifests/everything.ts'
import { hasHelm, render, WITHOUT_HELM } from './manifests/helm.ts'

const hasScanner = (process.env.PATH ?? '').split(':').some((folder) => existsSync(`${folder}/kube-score`))

/**
 * Whatever the values: an image is named by its digest, so that it need not be asked for at every start; a process that
 * does not answer for a minute is started anew, one that does not answer for four seconds gets no requests.
 */
const ON_PURPOSE = ['container-image-pull-policy', 'pod-probes-identical']
/**
 * What an operator may ask for in the values, and is not the default: a limit of CPU makes processes wait while the node
 * idles, apps may write to their workspace and call whom they like, and the files of an image belong to 1000.
 */
const BY_CHOICE = [
  'container-security-context-readonlyrootfilesystem',
  'container-security-context-user-group-id',
  'pod-networkpolicy',
]
/**
 * A set that follows somebody's files is one person's: a second pod would be another workspace, none takes its place while
 * it is there, and a process that has ended waits for the next change rather than be started anew by a probe.
 */
const WHILE_DEVELOPED = ['deployment-replicas', 'deployment-strategy', 'pod-probes']
const NO_CPU_LIMIT = '--ignore-container-cpu-limit'

beforeEach(({ skip }) => {
  skip(!hasHelm, WITHOUT_HELM)
  skip(!hasScanner, 'kube-score is not on the PATH')
})

interface Finding {
  object_name: string
  checks: { check: { id: string }; skipped: boolean; grade: number; comments: { summary: string }[] | null }[]
}

const WELL = 10

async function scan(values: object, words: string[] = []): Promise<string[]> {
  const text = (await render('app', values)).map((one) => `---\n${stringify(one)}`).join('')
  const work = promisify(execFile)('kube-score', ['score', '-', '--output-format', 'json', ...words], {
    maxBuffer: 16 << 20,
  })
  work.child.stdin?.end(text)
  // It ends with 1 where it found something.
  const { stdout } = await work.catch((error) => error as { stdout: string })
  const findings = JSON.parse(stdout) as Finding[]
  expect(findings.length).toBeGreaterThan(0)
  return [
    ...new Set(
      findings.flatMap(({ checks }) =>
        checks.filter(({ skipped, grade }) => !skipped && grade < WELL).map(({ check }) => check.id),
      ),
    ),
  ].sort()
}

const SMALL = {
  sets: {
    v1: {
      image: 'registry.example.com/shop@sha256:aa',
      processes: { web: { command: 'node server.js', count: 2 } },
    },
  },
}

test('kube-score finds nothing in the strictest values but what is on purpose', async () => {
  const strict = {
    resources: { cpuLimit: true },
    readOnlyRoot: true,
    user: 10_001,
    group: 10_001,
    networkPolicy: { egress: [] },
  }
  const found = async (values: object, isMeant: string[]) =>
    (await scan({ ...values, ...strict })).filter((id) => !isMeant.includes(id))
  for (const values of [SMALL, EVERYTHING]) expect(await found(values, ON_PURPOSE)).toEqual([])
  expect(await found(LIVE, [...ON_PURPOSE, ...WHILE_DEVELOPED])).toEqual([])
})

test('kube-score finds nothing in the defaults but what is on purpose, or by choice', async () => {
  const found = async (values: object, isMeant: string[]) =>
    (await scan(values, [NO_CPU_LIMIT])).filter((id) => !isMeant.includes(id))
  const meant = [...ON_PURPOSE, ...BY_CHOICE]
  for (const values of [SMALL, EVERYTHING]) expect(await found(values, meant)).toEqual([])
  expect(await found(LIVE, [...meant, ...WHILE_DEVELOPED])).toEqual([])
})
