import { expect, test } from 'vitest'
import type { Pod } from '../cluster/objects.ts'
import { createLineReader, livesOf } from './lines.ts'

const target = { app: 'shop', environment: 'stage' }
const pod = (status: object): Pod =>
  ({
    metadata: {
      name: 'shop--web--v7-x7k2p',
      uid: 'u',
      labels: { 'app.kubernetes.io/component': 'web', 'towpath.dev/set': 'v7' },
    },
    spec: { containers: [] },
    status: { containerStatuses: [{ name: 'app', ready: true, restartCount: 0, ...status }] },
  }) as unknown as Pod

test('a line has the same id however often it is read, and lines of one moment keep their order', () => {
  const life = livesOf(pod({ state: { running: { startedAt: '' } } }))[0]!
  const read = () => {
    const reader = createLineReader(target, life)
    return [
      '2026-01-02T03:04:05.1Z a b',
      '2026-01-02T03:04:05.100000000Z c',
      '2026-01-02T05:04:05.2+02:00 d',
      '2026-01-02T03:04:05.3Z',
    ].map(reader)
  }
  const lines = read()
  expect(read()).toEqual(lines)
  expect(lines.map((line) => line?.text)).toEqual(['a b', 'c', 'd', ''])
  const ids = lines.map((line) => line?.id)
  expect(ids).toEqual([...new Set(ids)].sort())
  expect(lines[2]).toMatchObject({
    at: '2026-01-02T03:04:05.200Z',
    release: 7,
    process: 'web',
    instance: 'web.x7k2p',
  })
  expect(lines[0]?.id).toMatch(/^\d{13}-web\.x7k2p\.\d+-\d{12}$/)
  expect(createLineReader(target, life)('failed to watch the file')).toBeNull()
})

test('the log of the life before is read too, and once', () => {
  const lives = (status: object) =>
    livesOf(pod(status)).map(({ restarts, isPrevious }) => [restarts, isPrevious])
  const ended = { terminated: { exitCode: 1 } }
  expect(lives({ state: { waiting: {} } })).toEqual([])
  expect(lives({ state: { running: {} }, restartCount: 0 })).toEqual([[0, false]])
  expect(lives({ state: { running: {} }, lastState: ended, restartCount: 2 })).toEqual([
    [1, true],
    [2, false],
  ])
  expect(lives({ state: { waiting: {} }, lastState: ended, restartCount: 2 })).toEqual([[2, true]])
})
