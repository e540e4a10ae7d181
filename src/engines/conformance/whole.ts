/** The engine as a whole: its caller starts anew, orders come late, targets go. */
import { expect } from 'vitest'
import { sampleSet, wholly } from './sample.ts'
import type { World } from './world.ts'

export function describeWhole(world: World): void {
  const { it, newTarget, until, settle, gone, address, get, processes, fetch } = world

  it('goes on with the same processes when its caller starts anew', async () => {
    const target = newTarget()
    const before = await settle(target, wholly(sampleSet(world.artifact, 1)))
    const { pid } = (await (await get(target)).json()) as { pid: number }
    await world.reopen()
    const after = await until(target, (seen) => seen.settled, 'the same again')
    expect(processes(after).map((one) => one.id)).toEqual(processes(before).map((one) => one.id))
    expect(await (await get(target)).json()).toMatchObject({ pid })
  })

  it('refuses an older generation and takes the same one twice', async () => {
    const target = newTarget()
    const desired = wholly(sampleSet(world.artifact, 1))
    await world.engine.apply(target, 5, desired)
    await world.engine.apply(target, 5, desired)
    await expect(world.engine.apply(target, 4, wholly(sampleSet(world.artifact, 2)))).rejects.toMatchObject({
      code: 'CONFLICT',
    })
    await expect(world.engine.remove(target, 4)).rejects.toMatchObject({ code: 'CONFLICT' })
    const seen = await until(target, (now) => now.settled, 'everything as asked')
    expect(seen.generation).toBe(5)
    expect(seen.sets.map((set) => set.id)).toEqual(['v1'])
  })

  it('exports what is in force without a value of its config, and sees no drift', async () => {
    const target = newTarget()
    await settle(target, wholly(sampleSet(world.artifact, 1, { config: { TOKEN: 'top-secret' } })))
    const text = await world.engine.export(target)
    expect(text).toContain('TOKEN')
    expect(text).not.toContain('top-secret')
    expect(await world.engine.drift(target)).toEqual([])
  })

  it('leaves nothing behind when a target is removed', async () => {
    const target = newTarget()
    await settle(target, wholly(sampleSet(world.artifact, 1)))
    const url = await address(target)
    await world.engine.remove(target, 50)
    await gone(target)
    expect((await world.engine.observeAll()).filter((seen) => seen.target.app === target.app)).toEqual([])
    const isServed = await fetch(url).then(
      (response) => response.ok,
      () => false,
    )
    expect(isServed).toBe(false)
  })

  it('tells what it can do, what artifacts it refuses and why', async () => {
    const capabilities = await world.engine.capabilities()
    expect(capabilities.platform.os).toMatch(/linux|darwin/)
    expect(await world.engine.refuses(world.artifact)).toBeNull()
    const foreign = { os: 'linux', arch: capabilities.platform.arch === 'x64' ? 'arm64' : 'x64' } as const
    expect(await world.engine.refuses({ ...world.artifact, platform: foreign })).toMatchObject({
      code: 'platform',
    })
    const old = { name: 'node', version: '4.0.0', range: '^4' } as const
    expect(await world.engine.refuses({ ...world.artifact, runtime: old })).toMatchObject({
      code: 'runtime-missing',
    })
    expect((await world.engine.check()).filter((check) => !check.ok)).toEqual([])
  })
}
