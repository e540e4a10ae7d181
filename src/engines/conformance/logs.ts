/** Lines that are kept, found again and followed. */
import { expect } from 'vitest'
import { LogQuery } from '../../api/logs.ts'
import { sampleSet, wholly } from './sample.ts'
import type { World } from './world.ts'

export function describeLogs(world: World): void {
  const { it, newTarget, settle, get, lines, jobEnd } = world

  it('keeps every line with a stable id, and goes on after any of them', async () => {
    const target = newTarget()
    const set = sampleSet(world.artifact, 1)
    await settle(target, wholly(set))
    await world.engine.run(target, { key: 'many', set, command: 'node app.js count 500', process: 'count' })
    await jobEnd(target, 'many')
    const read = async (query: Partial<LogQuery>) => {
      const found = []
      const parsed = LogQuery.parse({ process: 'count', lines: 1000, ...query })
      for await (const line of world.engine.logs(target, parsed, AbortSignal.timeout(world.patience)))
        found.push(line)
      return found
    }
    const all = await read({})
    expect(all.map((line) => line.text)).toEqual(Array.from({ length: 500 }, (_, index) => `line ${index}`))
    expect(all[0]).toMatchObject({
      app: target.app,
      environment: 'stage',
      release: 1,
      process: 'count',
      stream: 'stdout',
    })
    expect(await read({})).toEqual(all)
    expect(await read({ after: all[199]!.id })).toEqual(all.slice(200))
    expect((await read({ lines: 3 })).map((line) => line.text)).toEqual(['line 497', 'line 498', 'line 499'])
    expect((await read({ grep: 'line 42' })).map((line) => line.text)).toContain('line 421')
    expect(await read({ release: 2 })).toEqual([])
  })

  it('follows lines as they are written', async () => {
    const target = newTarget()
    await settle(target, wholly(sampleSet(world.artifact, 1)))
    const heard = lines(target, { process: 'web' }, (texts) => texts.includes('second'))
    await get(target, '/log?text=first')
    await get(target, '/log?text=second')
    expect((await heard).slice(-2)).toEqual(['first', 'second'])
  })
}
