import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Crons, createCrons, nextAfterStep, nextTime, timesBetween } from './crons.ts'
import type { Jobs } from './jobs.ts'
import type { DesiredSet, JobStatus } from './shapes.ts'

let folder: string
let open: Crons[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tow-crons-'))
})
afterEach(() => {
  for (const crons of open) crons.close()
  open = []
  rmSync(folder, { recursive: true, force: true })
})

const set: DesiredSet = {
  id: 'v1',
  release: 1,
  workspace: '/w',
  env: {},
  path: [],
  artifact: '',
  processes: {},
}
const nightly = {
  name: 'nightly',
  set: 'v1',
  command: 'x',
  schedule: '0 3 * * *',
  timezone: 'UTC',
  graceSeconds: 1,
}

/** Jobs that end when they are told to; only what crons use of them. */
function fakeJobs() {
  const keys: string[] = []
  const ends = new Map<string, (status: JobStatus) => void>()
  const jobs = {
    async run({ key }: { key: string }) {
      keys.push(key)
      return { key, state: 'running' }
    },
    ended: (key: string) => new Promise<JobStatus>((resolve) => ends.set(key, resolve)),
  } as unknown as Jobs
  return { jobs, keys, ends }
}

function create(jobs: Jobs, now: () => number) {
  const said: string[] = []
  const crons = createCrons({
    file: join(folder, 'crons.json'),
    jobs,
    now,
    say: (_, text) => said.push(text),
    changed: () => {},
  })
  open.push(crons)
  return { crons, said }
}

test('the next time is that of the clock in its time zone, over a change to summer time too', () => {
  const at = (text: string) => new Date(text).getTime()
  expect(nextTime('0 3 * * *', 'America/Denver', at('2026-01-10T12:00:00Z'))).toBe(at('2026-01-11T10:00:00Z'))
  expect(nextTime('0 3 * * *', 'America/Denver', at('2026-07-10T12:00:00Z'))).toBe(at('2026-07-11T09:00:00Z'))
  expect(timesBetween('0 * * * *', 'UTC', at('2026-01-01T01:00:00Z'), at('2026-01-01T04:30:00Z'))).toBe(4)
})

test('a run that came due while nobody was there is told as missed and not run late', () => {
  let now = Date.parse('2026-01-10T02:00:00Z')
  const { jobs, keys } = fakeJobs()
  create(jobs, () => now).crons.update([nightly], [set])
  open.pop()!.close()
  now = Date.parse('2026-01-12T05:00:00Z')
  const { crons, said } = create(jobs, () => now)
  crons.update([nightly], [set])
  expect(keys).toEqual([])
  expect(crons.observe()[0]).toMatchObject({
    nextAt: '2026-01-13T03:00:00.000Z',
    lastRun: { state: 'missed', at: '2026-01-10T03:00:00.000Z' },
  })
  expect(said[0]).toContain('missed 3 runs')
})

test('a clock that is set back by an hour runs nothing twice; one that was wrong for long is followed at once', () => {
  const at = (text: string) => Date.parse(text)
  const hourly = (kept: string, now: string) => nextAfterStep('0 * * * *', 'UTC', at(kept), at(now))
  expect(hourly('2026-01-10T13:00:00Z', '2026-01-10T12:30:00Z')).toBe(at('2026-01-10T13:00:00Z'))
  expect(hourly('2026-01-10T13:00:00Z', '2026-01-10T11:30:00Z')).toBe(at('2026-01-10T13:00:00Z'))
  expect(hourly('2027-01-10T13:00:00Z', '2026-01-10T11:30:00Z')).toBe(at('2026-01-10T12:00:00Z'))
  const yearly = nextAfterStep('0 0 1 1 *', 'UTC', at('2027-01-01T00:00:00Z'), at('2026-03-01T00:00:00Z'))
  expect(yearly).toBe(at('2027-01-01T00:00:00Z'))
})

test('a clock that is set forward tells what was passed over, and does not run it', () => {
  let now = Date.parse('2026-01-10T02:30:00Z')
  const { jobs, keys } = fakeJobs()
  const { crons, said } = create(jobs, () => now)
  crons.update([nightly], [set])
  now += 3600_000
  crons.update([nightly], [set])
  expect(keys).toEqual([])
  expect(crons.observe()[0]).toMatchObject({
    nextAt: '2026-01-11T03:00:00.000Z',
    lastRun: { state: 'missed' },
  })
  expect(said[0]).toContain('the clock was set forward')
})

test('a run is skipped while the one before it goes on, and both are told', async () => {
  let now = Date.parse('2026-01-10T02:59:59Z')
  const { jobs, keys, ends } = fakeJobs()
  const { crons } = create(jobs, () => now)
  crons.update([nightly], [set])
  now = Date.parse('2026-01-10T03:00:01Z')
  crons.update([nightly], [set])
  await new Promise(setImmediate)
  now = Date.parse('2026-01-11T03:00:01Z')
  crons.update([nightly], [set])
  expect(keys).toEqual(['cron nightly 2026-01-10T03:00:00.000Z'])
  expect(crons.history().nightly!.map((run) => run.state)).toEqual(['running', 'skipped'])
  ends.get(keys[0]!)!({ key: keys[0]!, state: 'succeeded', exit: 0 })
  await new Promise(setImmediate)
  expect(crons.history().nightly![0]).toMatchObject({ state: 'succeeded', exit: 0 })
})
