/** Development: a running workspace follows somebody's files, and its process restarts in place. */
import { expect } from 'vitest'
import { LogQuery } from '../../api/logs.ts'
import type { Tree } from '../../trees/tree.ts'
import { openHolder } from '../../workspace/holder.ts'
import type { Target } from '../engine.ts'
import { sampleArtifact, sampleSet, webProcess, wholly } from './sample.ts'
import type { World } from './world.ts'

export function describeWorkspaces(world: World): void {
  const { it, newTarget, copyOf, settle, address, fetch } = world

  /** A live copy of the sample in a space, and its files as they were shipped. */
  async function live(
    commands: Record<string, string> = {},
  ): Promise<{ copy: Target; shipped: Tree; set: string }> {
    const copy = copyOf(newTarget(), 'mine')
    const set = sampleSet(world.artifact, 1, { id: 'mine.1', live: { commands, reloading: [] } })
    await settle(copy, { ...wholly(set), overlay: {} })
    return { copy, set: set.id, shipped: await world.content.tree(world.artifact.layers.at(-1)!.tree) }
  }

  const read = (digest: string) => world.content.blobs.read(digest)
  const get = async (target: Target, path: string) => {
    const response = await fetch(`${await address(target)}${path}`, { headers: { connection: 'close' } })
    return { status: response.status, text: await response.text() }
  }

  async function follow({ copy, set, shipped }: { copy: Target; set: string; shipped: Tree }) {
    const stream = await world.engine.workspace(copy, set)
    return openHolder(
      stream,
      shipped.entries.map(({ path }) => path),
    )
  }

  it('makes a running workspace equal somebody’s files, and starts the process anew without a failed request', async () => {
    const running = await live()
    const holder = await follow(running)
    expect(holder.there().hash).toBe(running.shipped.hash)
    const before = JSON.parse((await get(running.copy, '/')).text) as { pid: number }
    let loading = true
    const failed: number[] = []
    const load = (async () => {
      while (loading) {
        const { status } = await get(running.copy, '/healthz')
        if (status !== 200) failed.push(status)
      }
    })()
    for (const note of ['second', 'third', 'fourth']) {
      const tree = await world.content.tree((await sampleArtifact(world.content, note)).layers.at(-1)!.tree)
      const done = await holder.make(tree, read)
      expect(done).toMatchObject({ hash: tree.hash, restarted: ['web'] })
      expect((await get(running.copy, '/file')).text).toBe(note)
    }
    loading = false
    await load
    expect(failed).toEqual([])
    const after = JSON.parse((await get(running.copy, '/')).text) as { pid: number }
    expect(after.pid).not.toBe(before.pid)
    expect((await holder.verify()).paths).toEqual([])
    holder.close()
  })

  it('lets a process that crashed wait for the next change, and says so to whoever asks meanwhile', async () => {
    const running = await live()
    const holder = await follow(running)
    const broken = await world.content.keep({ 'app.js': 'process.exit(3)', 'note.txt': 'broken' })
    await holder.make(broken, read)
    const { status, text } = await get(running.copy, '/')
    expect(status).toBe(503)
    expect(text).toContain('the space mine')
    const seen = await world.engine.observe(running.copy)
    expect(world.processes(seen)).toMatchObject([{ state: 'crashed', restarts: 0 }])
    expect(await holder.make(running.shipped, read)).toMatchObject({ restarted: ['web'] })
    expect((await get(running.copy, '/file')).text).toBe('first')
    holder.close()
  })

  it('goes on where a connection broke, and with its caller starting anew', async () => {
    const running = await live()
    const first = await follow(running)
    const second = await world.content.tree(
      (await sampleArtifact(world.content, 'second')).layers.at(-1)!.tree,
    )
    await first.make(second, read)
    first.close()
    await world.reopen()
    const again = await follow(running)
    expect(again.there().hash).toBe(second.hash)
    expect(await again.make(second, read)).toBeNull()
    again.close()
  })

  it('has every process of a set follow the same files, and tells of each line in which space it was written', async () => {
    const copy = copyOf(newTarget(), 'mine')
    const says = `console.log('note ' + require('node:fs').readFileSync('note.txt', 'utf8')); setInterval(() => {}, 1000)`
    const worker = { ...webProcess(), command: `exec node -e "${says}"` }
    const processes = { web: webProcess(), worker }
    const set = sampleSet(world.artifact, 1, {
      id: 'mine.1',
      processes,
      live: { commands: {}, reloading: [] },
    })
    await settle(copy, { ...wholly(set), overlay: {} })
    const shipped = await world.content.tree(world.artifact.layers.at(-1)!.tree)
    const holder = await follow({ copy, set: set.id, shipped })
    const second = await world.content.tree(
      (await sampleArtifact(world.content, 'second')).layers.at(-1)!.tree,
    )
    const done = await holder.make(second, read)
    expect(done?.restarted.toSorted()).toEqual(['web', 'worker'])
    expect((await get(copy, '/file')).text).toBe('second')
    await world.lines(copy, { process: 'worker' }, (texts) => texts.includes('note second'))
    const query = LogQuery.parse({ lines: 1 })
    for await (const line of world.engine.logs(copy, query, AbortSignal.timeout(world.patience)))
      expect(line).toMatchObject({ app: copy.app, space: 'mine' })
    holder.close()
  })

  it('has a port for a debugger, which stays the same when the process starts anew', async () => {
    const listens =
      "require('net').createServer((one) => one.end('debugger')).listen(process.env.TOW_DEBUG_PORT)"
    const running = await live({ web: `node -e "${listens}; require('./app.js')"` })
    const holder = await follow(running)
    const hear = async () => {
      const stream = await world.engine.forward(running.copy, running.set, 'web', 'debug')
      return Buffer.concat(await stream.toArray()).toString()
    }
    expect(await hear()).toBe('debugger')
    const told = async () => JSON.parse((await get(running.copy, '/env')).text).TOW_DEBUG_PORT
    const before = await told()
    await holder.restart()
    expect(await hear()).toBe('debugger')
    expect(await told()).toBe(before)
    holder.close()
  })

  it('knows no workspace of a set that is not there', async () => {
    await expect(world.engine.workspace(newTarget(), 'v9')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
}
