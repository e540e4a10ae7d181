import { expect, test } from 'vitest'
import type { Observation } from '../../../engines/engine.ts'
import { decide } from './decide.ts'
import type { SpaceAppRow } from './store.ts'

const row = (counts: Record<string, number>): SpaceAppRow =>
  ({
    ...{ space: 'mine', app: 'shop', environment: 'stage', revision: 3, generation: 7, counts },
    ...{ wanted: 'running', command: 'none', awake_at: new Date(0), asked_at: null, attached_until: null },
    ...{ swap_until: null, meter: {}, run: { processes: {} }, live: null },
    report: { phase: 'starting', message: '', hint: null, lastLines: [] },
  }) as unknown as SpaceAppRow

const seen = (process: string, weights: Record<string, number>): Observation =>
  ({
    generation: 7,
    split: [{ weights }],
    sets: [{ id: 'mine.3', processes: [{ process, state: 'healthy' }], inFlight: 0 }],
  }) as unknown as Observation

const phaseOf = (counts: Record<string, number>, observation: Observation) =>
  decide({ now: 1000, row: row(counts), observation, job: null, refused: null })?.set.report?.phase

test('a copy that is healthy is live once whoever asks for it is led there, and not before', () => {
  expect(phaseOf({ web: 1 }, seen('web', { 'mine.2': 1 }))).toBe('starting')
  expect(phaseOf({ web: 1 }, seen('web', {}))).toBe('starting')
  expect(phaseOf({ web: 1 }, seen('web', { 'mine.3': 1 }))).toBe('live')
})

test('a copy that takes no requests is live as soon as it is healthy', () => {
  expect(phaseOf({ worker: 1 }, seen('worker', {}))).toBe('live')
})
