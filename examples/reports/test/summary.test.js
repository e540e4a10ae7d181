import assert from 'node:assert/strict'
import { test } from 'node:test'
import { summarise } from '../src/summary.js'

test('no mission, no line', () => {
  assert.deepEqual(summarise([]), [])
})

test('a site shows its worst colour and what is still open', () => {
  const missions = [
    { site: 'Dam 2', state: 'graded', colour: 'red' },
    { site: 'Dam 2', state: 'graded', colour: 'green' },
    { site: 'Bridge 7', state: 'planned', colour: null },
  ]
  assert.deepEqual(summarise(missions), [
    { site: 'Bridge 7', missions: 1, open: 1, worst: null },
    { site: 'Dam 2', missions: 2, open: 0, worst: 'red' },
  ])
})
