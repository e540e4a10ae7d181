import { expect, test } from 'vitest'
import { type Component, writeSbom } from './sbom.ts'
import { sbomMistakes } from './test-sbom.ts'

const COMPONENTS: Component[] = [
  { name: 'plain', version: '1.0.0', purl: 'pkg:npm/plain@1.0.0' },
  {
    group: '@scope',
    name: 'full',
    version: '2.0.0',
    purl: 'pkg:npm/%40scope/full@2.0.0',
    licenses: ['MIT'],
    hashes: { 'SHA-512': 'ab'.repeat(64), 'SHA-256': 'cd'.repeat(32) },
  },
  { name: 'two', version: '1', purl: 'pkg:pypi/two@1', licenses: ['Apache-2.0', 'BSD', 'Apache-2.0'] },
  { name: 'expression', version: '1', purl: 'pkg:gem/expression@1', licenses: ['(MIT OR Apache-2.0)'] },
  { name: 'prose', version: '1', purl: 'pkg:pypi/prose@1', licenses: ['Dual: see\nLICENSE', 'MIT'] },
  { name: 'plain', version: '1.0.0', purl: 'pkg:npm/plain@1.0.0' },
]

test('what is written is valid by the schema of CycloneDX, whatever the packages say of themselves', () => {
  expect(sbomMistakes(writeSbom('node', COMPONENTS))).toEqual([])
  expect(sbomMistakes(writeSbom('static', []))).toEqual([])
})

test('and the schema would have found a mistake', () => {
  const broken = JSON.parse(writeSbom('node', COMPONENTS))
  broken.components[0].type = 'book'
  broken.components[1].hashes = [{ alg: 'SHA-512', content: 'short' }]
  expect(sbomMistakes(JSON.stringify(broken)).length).toBeGreaterThan(1)
})
