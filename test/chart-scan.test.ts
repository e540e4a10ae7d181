/** What an experienced operator's scanner says of THE chart: nothing, but what is as it is on purpose. */
import { beforeEach, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { EVERYTHING } from './manifests/everything.ts'
import { hasHelm, render, WITHOUT_HELM } from './manifests/helm.ts'
import { BY_CHOICE, hasScanner, NO_CPU_LIMIT, ON_PURPOSE, scan, WITHOUT_SCANNER } from './manifests/scan.ts'

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
  for (const values of [SMALL, EVERYTHING])
    expect(
      (await scan(await rendered({ ...values, ...strict }))).filter((id) => !ON_PURPOSE.includes(id)),
    ).toEqual([])
})

test('kube-score finds nothing in the defaults but what is on purpose, or by choice', async () => {
  for (const values of [SMALL, EVERYTHING])
    expect(
      (await scan(await rendered(values), [NO_CPU_LIMIT])).filter(
        (id) => ![...ON_PURPOSE, ...BY_CHOICE].includes(id),
      ),
    ).toEqual([])
})
