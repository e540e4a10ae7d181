/** Who gets which request, and that none is lost when that changes. */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect } from 'vitest'
import { sampleSet, webProcess, wholly } from './sample.ts'
import type { World } from './world.ts'

export function describeTraffic(world: World): void {
  const { it, newTarget, settle, address, get, processes, fetch } = world

  /** Clients that ask without a pause; `end` tells what was no good answer, and how long after the beginning it was asked. */
  function startLoad(url: string, count: number) {
    const failures: string[] = []
    const began = performance.now()
    let loading = true
    const ask = async () => {
      while (loading) {
        const at = performance.now() - began
        const failed = await fetch(url).then(
          async (response) => {
            const text = await response.text()
            return response.status === 200 ? null : `${response.status} ${text.slice(0, 200)}`
          },
          (error) => String(error),
        )
        if (failed !== null) failures.push(`after ${at.toFixed(0)} ms: ${failed}`)
      }
    }
    const clients = Array.from({ length: count }, ask)
    return {
      async end(): Promise<string[]> {
        loading = false
        await Promise.all(clients)
        return failures
      },
    }
  }

  it('tells addresses before anything runs there, and keeps them', async () => {
    const target = newTarget()
    const before = await world.engine.addresses(target)
    await settle(target, wholly(sampleSet(world.artifact, 1)))
    expect(await world.engine.addresses(target)).toEqual(before)
  })

  it('moves traffic to a new set without a failed request', async () => {
    const target = newTarget()
    await settle(target, wholly(sampleSet(world.artifact, 1)))
    const url = await address(target)
    const load = startLoad(url, 3)
    for (const release of [2, 3, 4]) await settle(target, wholly(sampleSet(world.artifact, release)))
    expect(await load.end()).toEqual([])
    expect(await (await get(target)).json()).toMatchObject({ release: 'v4' })
  })

  it('shares requests between sets by their weights', async () => {
    const target = newTarget()
    const sets = [sampleSet(world.artifact, 1), sampleSet(world.artifact, 2)]
    await settle(target, { sets, split: [{ weights: { v1: 9, v2: 1 } }], crons: [] })
    const counts: Record<string, number> = { v1: 0, v2: 0 }
    for (let i = 0; i < 200; i++) {
      const { release } = (await (await get(target)).json()) as { release: string }
      counts[release]!++
    }
    expect(counts.v2).toBeGreaterThan(5)
    expect(counts.v2).toBeLessThan(45)
    const moved = await settle(target, { sets, split: [{ weights: { v1: 0, v2: 1 } }], crons: [] })
    expect(moved.split).toEqual([{ weights: { v1: 0, v2: 1 } }])
    for (let i = 0; i < 10; i++) expect(await (await get(target)).json()).toMatchObject({ release: 'v2' })
  })

  it('lets a slow request finish on the set that it began on', async () => {
    const target = newTarget()
    await settle(target, wholly(sampleSet(world.artifact, 1)))
    const slow = get(target, '/slow?ms=2000').then((response) => response.json())
    // Requests come and go too fast for every one of them to be told to who watches.
    while ((await world.engine.observe(target)).sets[0]!.inFlight === 0) await new Promise(setImmediate)
    await settle(target, wholly(sampleSet(world.artifact, 2)))
    expect(await slow).toMatchObject({ release: 'v1' })
    expect(await (await get(target)).json()).toMatchObject({ release: 'v2' })
  })

  it('closes the edge for maintenance with the sentence given, and opens it again, without a restart', async () => {
    const target = newTarget()
    const desired = wholly(sampleSet(world.artifact, 1))
    const before = processes(await settle(target, desired)).map((one) => one.id)
    await settle(target, { ...desired, maintenance: { message: 'Back at noon.' } })
    const closed = await get(target)
    expect(closed.status).toBe(503)
    expect(await closed.text()).toContain('Back at noon.')
    const after = processes(await settle(target, desired)).map((one) => one.id)
    expect(await (await get(target)).json()).toMatchObject({ release: 'v1' })
    expect(after).toEqual(before)
  })

  it('answers to names of its own beside the one that it has, until they are taken away, without a restart', async () => {
    const target = newTarget()
    const [host, other] = [`${target.app}.example.com`, `www.${target.app}.example.com`]
    const desired = wholly(sampleSet(world.artifact, 1))
    const before = processes(await settle(target, desired)).map((one) => one.id)
    expect(await world.engine.domains(target)).toEqual([])

    await settle(target, { ...desired, domains: [{ host }, { host: other }] })
    const seen = await world.engine.domains(target)
    expect(seen).toMatchObject([
      { host, isTaken: true, expiresAt: null, problems: [] },
      { host: other, isTaken: true },
    ])
    for (const { url } of seen) expect(await (await fetch(url)).json()).toMatchObject({ release: 'v1' })
    expect(await (await get(target)).json()).toMatchObject({ release: 'v1' })

    const after = processes(await settle(target, { ...desired, domains: [{ host }] })).map((one) => one.id)
    expect((await fetch(seen[0]!.url)).status).toBe(200)
    expect((await fetch(seen[1]!.url)).status).toBe(404)
    expect((await world.engine.domains(target)).map((one) => one.host)).toEqual([host])
    expect(after).toEqual(before)
  })

  it('refuses a name that it gives to apps by itself', async () => {
    const target = newTarget()
    const { public: urls } = await world.engine.addresses(target)
    const host = new URL(urls[0]!).hostname.replace(target.app, 'another')
    const problem = await world.engine.refusesDomain(target, { host })
    expect(problem).toMatchObject({ message: expect.stringContaining(host), hint: expect.any(String) })
    expect(await world.engine.refusesDomain(target, { host: 'shop.example.com' })).toBeNull()
  })

  it('lets nobody wait for an event stream, which would not end by itself', async () => {
    const target = newTarget()
    await settle(target, wholly(sampleSet(world.artifact, 1)))
    const aborted = new AbortController()
    const stream = await fetch(`${await address(target)}/events`, { signal: aborted.signal })
    const { value } = await stream.body!.getReader().read()
    expect(String(Buffer.from(value!))).toContain('data: here')
    expect((await world.engine.observe(target)).sets[0]!.inFlight).toBe(0)
    aborted.abort()
  })

  it('replaces processes one at a time when asked to restart, and goes on serving', async () => {
    const target = newTarget()
    const desired = wholly(sampleSet(world.artifact, 1, { processes: { web: webProcess({ count: 2 }) } }))
    const before = processes(await settle(target, desired)).map((one) => one.id)
    const load = startLoad(await address(target), 1)
    const after = processes(await settle(target, { ...desired, restarts: { web: 1 } })).map((one) => one.id)
    expect(await load.end()).toEqual([])
    expect(after).toHaveLength(2)
    expect(after.filter((id) => before.includes(id))).toEqual([])
  })

  it('opens a stream to a port of a process, by its number or as the one that it was given', async () => {
    const target = newTarget()
    await settle(target, wholly(sampleSet(world.artifact, 1)))
    const { PORT } = (await (await get(target, '/env')).json()) as { PORT: string }
    for (const port of [Number(PORT), 'given'] as const) {
      const stream = await world.engine.forward(target, 'v1', 'web', port)
      stream.write('GET /healthz HTTP/1.0\r\n\r\n')
      let heard = ''
      for await (const chunk of stream) heard += String(chunk)
      expect(heard).toContain('200 OK')
    }
  })

  it('opens none to what is not there, and none to what is no process’s own', async () => {
    const target = newTarget()
    await settle(target, wholly(sampleSet(world.artifact, 1)))
    const forward = world.engine.forward.bind(world.engine, target)
    await expect(forward('v9', 'web', 'given')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(forward('v1', 'worker', 'given')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(forward('v1', 'web', 'debug')).rejects.toMatchObject({ code: 'REFUSED' })
    const stranger = createServer((socket) => socket.end('a stranger')).listen(0, '127.0.0.1')
    await once(stranger, 'listening')
    try {
      const { port } = stranger.address() as AddressInfo
      const message = `web of v1 does not listen on port ${port}`
      await expect(forward('v1', 'web', port)).rejects.toMatchObject({ code: 'UNAVAILABLE', message })
    } finally {
      stranger.close()
    }
  })
}
