import { expect, test } from 'vitest'
import { formatReference, parseReference, parseRepository } from './reference.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`

test.each([
  ['node', 'docker.io/library/node:latest'],
  ['node:24-slim', 'docker.io/library/node:24-slim'],
  ['team/app', 'docker.io/team/app:latest'],
  ['index.docker.io/team/app:1', 'docker.io/team/app:1'],
  ['localhost/app', 'localhost/app:latest'],
  ['localhost:5000/app:1.0', 'localhost:5000/app:1.0'],
  ['10.0.0.1:5000/team/app', '10.0.0.1:5000/team/app:latest'],
  ['[::1]:5000/app:1', '[::1]:5000/app:1'],
  ['ghcr.io/team/app_a/b--c__d.e:V_1.2-x', 'ghcr.io/team/app_a/b--c__d.e:V_1.2-x'],
  [`ghcr.io/team/app@${DIGEST}`, `ghcr.io/team/app@${DIGEST}`],
  [`ghcr.io/team/app:1@${DIGEST}`, `ghcr.io/team/app:1@${DIGEST}`],
])('%s is %s', (text, whole) => {
  const reference = parseReference(text)
  expect(formatReference(reference)).toBe(whole)
  expect(parseReference(whole)).toEqual(reference)
})

test.each([
  '',
  'App',
  'ghcr.io/Team/app',
  'app:',
  'app:-x',
  `app:${'x'.repeat(129)}`,
  'app@sha256:abc',
  `app@${DIGEST}@${DIGEST}`,
  'app@sha512:abc',
  '../app',
  'team//app',
  'team/app/',
  'ghcr.io/app name',
  'https://ghcr.io/app',
  `ghcr.io/${'a'.repeat(256)}`,
  'user:password@ghcr.io/app',
])('“%s” is refused', (text) => {
  expect(() => parseReference(text)).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }))
})

test('a place to push to has no tag and no digest', () => {
  expect(parseRepository('ghcr.io/team/app')).toEqual({ registry: 'ghcr.io', repository: 'team/app' })
  for (const text of ['ghcr.io/team/app:1', `ghcr.io/team/app@${DIGEST}`, 'ghcr.io/'])
    expect(() => parseRepository(text)).toThrow(/is not a place in a registry/)
})
