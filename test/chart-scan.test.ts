/** What an experienced operator's scanner says of THE chart: nothing, but what is as it is on purpose. */
import { beforeEach, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { EVERYTHING, LIVE } from './manifests/everything.ts'
import { hasHelm, render, WITHOUT_HELM } from './manifests/helm.ts'
import { BY_CHOICE, hasScanner, NO_CPU_LIMIT, ON_PURPOSE, scan, WITHOUT_SCANNER } from './manifests/scan.ts'

/**
 * A set that follows somebody's files is one person's: a second pod would be another workspace, none takes its place while
 * it is there, and a process that has ended waits for the next change rather than be started anew by a probe.
 */
const WHILE_DEVELOPED = ['deployment-replicas', 'deployment-strategy', 'pod-probes']

beforeEach(({ skip }) => {
  skip(!hasHelm, WITHOUT_HELM)
  skip(!hasScanner, WITHOUT_SCANNER)
})

const rendered = async (values: object) =>
  (await render('app', values)).map((one) => `---\n${stringify(one)}`).join('')

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
    (await scan(await rendered({ ...values, ...strict }))).filter((id) => !isMeant.includes(id))
  for (const values of [SMALL, EVERYTHING]) expect(await found(values, ON_PURPOSE)).toEqual([])
  expect(await found(LIVE, [...ON_PURPOSE, ...WHILE_DEVELOPED])).toEqual([])
})

test('kube-score finds nothing in the defaults but what is on purpose, or by choice', async () => {
  const found = async (values: object, isMeant: string[]) =>
    (await scan(await rendered(values), [NO_CPU_LIMIT])).filter((id) => !isMeant.includes(id))
  const meant = [...ON_PURPOSE, ...BY_CHOICE]
  for (const values of [SMALL, EVERYTHING]) expect(await found(values, meant)).toEqual([])
  expect(await found(LIVE, [...meant, ...WHILE_DEVELOPED])).toEqual([])
})
