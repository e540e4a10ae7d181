import assert from 'node:assert/strict'
import { test } from 'node:test'
import { grade, refuseFindings, refuseMission } from '../src/rules.js'

test('a mission without findings is green', () => {
  assert.deepEqual(grade([]), { score: 0, colour: 'green' })
})

test('one critical finding makes a mission red, however few the others are', () => {
  assert.deepEqual(grade([{ severity: 'critical' }]), { score: 25, colour: 'red' })
})

test('many major findings add up to red', () => {
  const findings = Array.from({ length: 4 }, () => ({ severity: 'major' }))
  assert.deepEqual(grade(findings), { score: 20, colour: 'red' })
})

test('a mission needs a site and an inspector', () => {
  assert.match(refuseMission({ inspector: 'Ann' }), /^site/)
  assert.match(refuseMission({ site: 'Bridge 7', inspector: ' ' }), /^inspector/)
  assert.equal(refuseMission({ site: 'Bridge 7', inspector: 'Ann' }), null)
})

test('an unknown severity is refused by its place', () => {
  assert.match(
    refuseFindings([
      { severity: 'minor', text: '' },
      { severity: 'constructor', text: '' },
    ]),
    /^findings\[1\]/,
  )
})
