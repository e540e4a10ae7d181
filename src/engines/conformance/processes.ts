/** Starting, counting and ending processes, and what is said when they fail. */
import { expect } from 'vitest'
import type { Observation } from '../engine.ts'
import { sampleSet, webProcess, wholly } from './sample.ts'
import type { World } from './world.ts'

export function describeProcesses(world: World): void {
  const { it, newTarget, apply, until, settle, get, processes } = world

  it('starts what is asked for and serves it at its address', async () => {
    const target = newTarget()
    const seen = await settle(target, wholly(sampleSet(world.artifact, 1)))
    expect(processes(seen)).toMatchObject([{ process: 'web', set: 'v1', state: 'healthy', restarts: 0 }])
    expect(seen.split).toEqual([{ weights: { v1: 1 } }])
    expect(await (await get(target)).json()).toMatchObject({
      release: 'v1',
      process: expect.stringMatching(/^web\.\w+$/),
    })
    expect(Date.parse(seen.at)).not.toBeNaN()
  })

  it('gives a process its config and its names, and nothing of the engine’s own environment', async () => {
    const target = newTarget()
    await settle(
      target,
      wholly(sampleSet(world.artifact, 7, { config: { GREETING: 'hello', SECRET: 's3cret' } })),
    )
    const env = (await (await get(target, '/env')).json()) as Record<string, string>
    expect(env).toMatchObject({
      GREETING: 'hello',
      SECRET: 's3cret',
      TOW_APP: target.app,
      TOW_ENVIRONMENT: 'stage',
      TOW_RELEASE: 'v7',
      TOW_PROCESS: expect.stringMatching(/^web\.\w+$/),
    })
    expect(env.FROM_ARTIFACT).toMatch(/^\/.*\/x$/)
    expect(env.PORT).toMatch(/^\d+$/)
    expect(Object.keys(env).filter((key) => /^(npm_|VITEST|NODE_ENV|TEST)/.test(key))).toEqual([])
  })

  it('runs as many processes as counted and follows a change of counts', async () => {
    const target = newTarget()
    const set = (web: number, worker: number) =>
      sampleSet(world.artifact, 1, {
        processes: {
          web: webProcess({ count: web }),
          worker: {
            ...webProcess({ command: 'node app.js work', count: worker }),
            health: undefined as never,
          },
        },
      })
    const count = (seen: Observation, process: string) =>
      processes(seen).filter((one) => one.process === process && one.state === 'healthy').length
    const more = await settle(target, wholly(set(2, 1)))
    expect([count(more, 'web'), count(more, 'worker')]).toEqual([2, 1])
    const fewer = await settle(target, wholly(set(1, 0)))
    expect([count(fewer, 'web'), count(fewer, 'worker')]).toEqual([1, 0])
    expect(processes(fewer)).toHaveLength(1)
  })

  it('starts a process anew that ended, and tells how it ended', async () => {
    const target = newTarget()
    const before = processes(await settle(target, wholly(sampleSet(world.artifact, 1))))[0]!
    await get(target, '/exit?code=9')
    const seen = await until(
      target,
      (now) => now.settled && processes(now).some((one) => one.restarts === 1),
      'a restart',
    )
    const after = processes(seen)[0]!
    expect(after.id).not.toBe(before.id)
    expect(after.lastExit).toMatchObject({ code: 9, reason: 'exited with code 9' })
    expect((await get(target)).status).toBe(200)
  })

  it('recognises a crash loop early, shows the last lines, and lets the old set serve', async () => {
    const target = newTarget()
    const old = sampleSet(world.artifact, 1)
    await settle(target, wholly(old))
    const bad = sampleSet(world.artifact, 2, {
      processes: { web: webProcess({ command: 'node app.js crash "no database"' }) },
    })
    await apply(target, { sets: [bad], split: [{ weights: { v2: 1 } }], crons: [] })
    const seen = await until(
      target,
      (now) => now.sets.find((set) => set.id === 'v2')?.problem?.code === 'crash-loop',
      'a crash loop',
    )
    const problem = seen.sets.find((set) => set.id === 'v2')!.problem!
    expect(problem.message).toContain('exited with code 3')
    expect(problem.lastLines).toEqual(expect.arrayContaining(['about to crash', 'no database']))
    expect(seen.settled).toBe(false)
    expect(seen.split).toEqual([{ weights: { v1: 1 } }])
    expect(await (await get(target)).json()).toMatchObject({ release: 'v1' })
  })

  for (const [mode, code] of [
    ['deaf', 'not-listening'],
    ['wrong-port', 'wrong-port'],
    ['ipv6', 'only-ipv6'],
    ['unhealthy', 'unhealthy'],
  ] as const) {
    it(`says clearly what is wrong with an app that is ${mode}`, async () => {
      const target = newTarget()
      // What has not begun to listen when its time is over is deaf to the engine: a busy machine starts slowly.
      const bootSeconds = mode === 'deaf' ? 2 : world.patience / 20_000
      const web = webProcess({ command: `node app.js ${mode}`, bootSeconds, graceSeconds: 1 })
      await apply(target, wholly(sampleSet(world.artifact, 1, { processes: { web } })))
      const seen = await until(target, (now) => now.sets.some((set) => set.problem), 'a problem')
      const problem = seen.sets[0]!.problem!
      expect(problem.code).toBe(code)
      expect(problem.message).toMatch(/port \d+/)
      expect(problem.hint).toBeTruthy()
    })
  }

  it('ends a process that uses more memory than it may, and says so', async () => {
    const target = newTarget()
    const web = webProcess({ memoryMegabytes: 160 })
    await settle(target, wholly(sampleSet(world.artifact, 1, { processes: { web } })))
    await get(target, '/eat')
    const seen = await until(
      target,
      (now) => processes(now).some((one) => one.lastExit?.reason.includes('memory')),
      'an end for memory',
    )
    expect(processes(seen)[0]!.lastExit!.reason).toBe('killed for memory at 160 MB')
  })

  it('measures the CPU and memory of a process', async () => {
    const target = newTarget()
    await settle(target, wholly(sampleSet(world.artifact, 1)))
    let seen = await world.engine.observe(target)
    while (processes(seen)[0]!.memoryBytes === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 100))
      seen = await world.engine.observe(target)
    }
    expect(processes(seen)[0]!.memoryBytes).toBeGreaterThan(4_000_000)
    expect(processes(seen)[0]!.cpuPercent).toBeGreaterThanOrEqual(0)
    expect(await world.engine.samples(target, new Date(0).toISOString())).toBeInstanceOf(Array)
  })
}
