import assert from 'node:assert/strict'
import { test } from 'node:test'
import { page } from '../page.js'

const empty = { missions: [], sites: [], token: 't', release: 'v1' }

test('what people typed never becomes markup', () => {
  const html = page({
    ...empty,
    missions: [{ id: 1, site: '<script>alert(1)</script>', inspector: '"', state: 'planned' }],
  })
  assert.ok(!html.includes('<script>'))
  assert.ok(html.includes('&lt;script&gt;'))
})

test('a site shows its worst colour', () => {
  const html = page({ ...empty, sites: [{ site: 'Dam 2', missions: 3, open: 1, worst: 'red' }] })
  assert.match(html, /<span class="badge red">red<\/span>/)
})
