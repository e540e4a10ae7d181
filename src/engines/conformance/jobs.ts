/** Commands that run once: by key, by schedule, with a terminal. */
import { expect } from 'vitest'
import { sampleSet, wholly } from './sample.ts'
import type { World } from './world.ts'

export function describeJobs(world: World): void {
  const { it, newTarget, until, settle, lines, jobEnd, collect } = world

  it('runs a cron on its schedule and keeps what became of it', async () => {
    const target = newTarget()
    const cron = {
      name: 'tick',
      set: 'v1',
      command: 'node app.js say tock 4',
      schedule: '* * * * * *',
      timezone: 'Europe/Berlin',
      graceSeconds: 1,
    }
    await settle(target, { ...wholly(sampleSet(world.artifact, 1)), crons: [cron] })
    const seen = await until(target, (now) => now.crons[0]?.lastRun?.state === 'failed', 'a run of the cron')
    expect(seen.crons[0]).toMatchObject({ name: 'tick', set: 'v1', lastRun: { state: 'failed', exit: 4 } })
    expect(await lines(target, { process: 'tick' }, (texts) => texts.includes('tock'))).toContain('tock')
  })

  it('starts a job once per key and tells how it ended', async () => {
    const target = newTarget()
    const set = sampleSet(world.artifact, 1)
    await settle(target, wholly(set))
    const job = { key: 'migrate-1', set, command: 'node app.js say once 5', process: 'release' }
    await Promise.all([world.engine.run(target, job), world.engine.run(target, job)])
    const over = await jobEnd(target, job.key)
    expect(over).toMatchObject({ state: 'failed', exit: 5, reason: 'exited with code 5' })
    expect(over.lastLines).toEqual(['once'])
    expect(await world.engine.run(target, job)).toMatchObject({ state: 'failed', exit: 5 })
    const told = await collect(target, { process: 'release' })
    expect(told).toEqual(['once'])
    expect(await world.engine.job(target, 'never-asked')).toBeNull()
  })

  it('runs a job before its set is asked for', async () => {
    const target = newTarget()
    const set = sampleSet(world.artifact, 1)
    await world.engine.run(target, {
      key: 'first',
      set,
      command: 'node app.js say ready',
      process: 'release',
    })
    expect(await jobEnd(target, 'first')).toMatchObject({ state: 'succeeded', exit: 0 })
    await settle(target, wholly(set))
  })

  it('ends a job that takes too long, and one that is cancelled', async () => {
    const target = newTarget()
    const set = sampleSet(world.artifact, 1)
    const job = { set, command: 'node app.js work', process: 'run' }
    await world.engine.run(target, { ...job, key: 'long', timeoutSeconds: 1 })
    expect(await jobEnd(target, 'long')).toMatchObject({
      state: 'failed',
      reason: 'ended because its time was up',
    })
    await world.engine.run(target, { ...job, key: 'unwanted' })
    await world.engine.cancel(target, 'unwanted')
    expect(await jobEnd(target, 'unwanted')).toMatchObject({ state: 'failed', reason: 'cancelled' })
  })

  it('passes input, output and the exit code of an attached job', async () => {
    const target = newTarget()
    const set = sampleSet(world.artifact, 1)
    await world.engine.run(target, {
      key: 'talk',
      set,
      command: 'node app.js echo',
      process: 'run',
      stdin: true,
    })
    const attached = await world.engine.attach(target, 'talk')
    attached.write(Buffer.from('hello'))
    let heard = ''
    for await (const { data } of attached.output) {
      heard += Buffer.from(data).toString()
      if (heard === 'got hello') attached.end()
    }
    expect(heard).toBe('got hello')
    expect(await attached.done).toMatchObject({ state: 'failed', exit: 7 })
  })

  it('gives a job a terminal of the asked size', async () => {
    const target = newTarget()
    const set = sampleSet(world.artifact, 1)
    const tty = { columns: 91, rows: 17 }
    await world.engine.run(target, { key: 'terminal', set, command: 'node app.js size', process: 'run', tty })
    const attached = await world.engine.attach(target, 'terminal')
    let heard = ''
    for await (const { data } of attached.output) heard += Buffer.from(data).toString()
    expect(heard.trim()).toBe('91x17')
    expect(await attached.done).toMatchObject({ state: 'succeeded', exit: 0 })
  })
}
