import { expect, test } from 'vitest'
import { ownAddress } from './pages.ts'

test.for([
  'https://evil.example/',
  '//evil.example/',
  '/\\evil.example',
  '/\t/evil.example',
  'javascript:alert(1)',
  '',
  'fleet',
  `/${'x'.repeat(2001)}`,
  undefined,
])('%j is no address of this platform', (text) => {
  expect(ownAddress(text)).toBe(null)
})

test.for(['/', '/fleet?team=field', '/apps/web/stage/logs#line', '/rollouts/ro_1'])('%s is one', (text) => {
  expect(ownAddress(text)).toBe(text)
})
