/** What lies over an environment: copies of apps in spaces, joined to it by traffic alone. */
import { createHmac, randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import type { Desired, DesiredSet, Target } from '../engine.ts'
import { sampleSet, webProcess, wholly } from './sample.ts'
import type { World } from './world.ts'

const SOON = 60_000

export function describeSpaces(world: World): void {
  const { itWithSpaces: it, newTarget, copyOf, settle, apply, until, gone, address, fetch } = world

  const setOf = (space: string, change: Partial<DesiredSet> = {}) =>
    sampleSet(world.artifact, 1, { id: `${space}.1`, ...change })
  const asked = (space: string, change: Partial<Desired> = {}): Desired => ({
    ...wholly(setOf(space)),
    overlay: {},
    ...change,
  })

  /** As another app of the environment calls it. */
  async function call(target: Target, space: string | null, path = '/'): Promise<Response> {
    const { internal } = await world.engine.addresses(target)
    const baggage = space === null ? {} : { baggage: `user=ann,tow.space=${space}` }
    return fetch(`${internal}${path}`, { headers: { connection: 'close', ...baggage } })
  }
  const spaceOf = async (response: Promise<Response>) =>
    ((await (await response).json()) as { TOW_SPACE?: string }).TOW_SPACE ?? null

  /** A base that everybody sees, and a copy of it in each of the spaces. */
  async function over(...spaces: string[]): Promise<[Target, ...Target[]]> {
    const base = newTarget()
    await settle(base, wholly(sampleSet(world.artifact, 1)))
    const copies = spaces.map((space) => copyOf(base, space))
    await Promise.all(copies.map((copy) => settle(copy, asked(copy.space!))))
    return [base, ...copies]
  }

  it('answers calls of a space by the copy that it has, and all others by the environment', async () => {
    const [base] = await over('mine', 'other')
    expect(await spaceOf(call(base, null, '/env'))).toBeNull()
    expect(await spaceOf(call(base, 'mine', '/env'))).toBe('mine')
    expect(await spaceOf(call(base, 'other', '/env'))).toBe('other')
    expect(await spaceOf(call(base, 'never-heard-of', '/env'))).toBeNull()
  })

  it('enters a space by an address of its own, and never by what somebody outside claims', async () => {
    const [base, mine] = await over('mine')
    expect(await spaceOf(fetch(`${await address(mine!)}/env`))).toBe('mine')
    const claimed = { headers: { baggage: 'tow.space=mine' } }
    expect(await spaceOf(fetch(`${await address(base)}/env`, claimed))).toBeNull()
  })

  it('lets nobody in who was not invited', async () => {
    const [, mine] = await over('mine')
    const key = randomBytes(32)
    const door = { key: key.toString('base64url'), revoked: ['taken-back'] }
    await settle(mine!, asked('mine', { overlay: { door } }))
    const url = `${await address(mine!)}/env`
    const tokenOf = (id: string, seconds: number) => {
      const expiry = Math.floor(Date.now() / 1000) + seconds
      const signature = createHmac('sha256', key).update(`mine.${expiry}.${id}`).digest('base64url')
      return `${expiry}.${id}.${signature}`
    }
    const statusWith = async (token: string | null) =>
      (await fetch(url, { headers: token === null ? {} : { 'tow-preview': token } })).status
    expect(await statusWith(null)).toBe(403)
    expect(await statusWith(tokenOf('qa', -5))).toBe(403)
    expect(await statusWith(tokenOf('taken-back', 60))).toBe(403)
    expect(await statusWith(`${tokenOf('qa', 60)}x`)).toBe(403)
    expect(await statusWith(tokenOf('qa', 60))).toBe(200)
  })

  it('waits for a copy that sleeps or starts, says who is asked for, and never answers by the environment', async () => {
    const [base, mine] = await over('mine')
    const asleep = setOf('mine', { processes: { web: webProcess({ count: 0 }) } })
    await settle(mine!, asked('mine', wholly(asleep)))
    const answer = spaceOf(call(base, 'mine', '/env'))
    const seen = await until(mine!, ({ demand }) => demand?.waiting === 1, 'somebody who waits')
    expect(Date.parse(seen.demand!.lastAskedAt!)).toBeGreaterThan(Date.now() - SOON)
    await apply(mine!, asked('mine'))
    expect(await answer).toBe('mine')
  })

  it('says of a copy that crashed which space it is of', async () => {
    const [base] = await over()
    const copy = copyOf(base, 'mine')
    const crash = webProcess({ command: 'node app.js crash' })
    await apply(copy, asked('mine', wholly(setOf('mine', { processes: { web: crash } }))))
    await until(copy, ({ sets }) => sets[0]?.processes[0]?.state === 'crashed', 'a crash')
    const response = await call(base, 'mine')
    expect(response.status).toBe(503)
    expect(await response.text()).toContain('the space mine')
  })

  it('gives a space the whole traffic of an app, and takes it back by itself', async () => {
    const [base, mine] = await over('mine')
    const swapped = (milliseconds: number) =>
      asked('mine', { overlay: { swap: { until: Date.now() + milliseconds } } })
    await settle(mine!, swapped(world.patience))
    expect(await spaceOf(call(base, null, '/env'))).toBe('mine')
    expect(await spaceOf(fetch(`${await address(base)}/env`))).toBe('mine')
    const soon = swapped(world.patience / 20)
    await settle(mine!, soon)
    while (Date.now() < soon.overlay!.swap!.until) await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await spaceOf(call(base, null, '/env'))).toBeNull()
    expect(await spaceOf(call(base, 'mine', '/env'))).toBe('mine')
  })

  it('falls through to the environment where the copy is gone, and leaves nothing of it', async () => {
    const [base, mine] = await over('mine')
    const url = await address(mine!)
    await world.engine.remove(mine!, 1000)
    await gone(mine!)
    expect(await spaceOf(call(base, 'mine', '/env'))).toBeNull()
    const reached = await fetch(url).then(
      (response) => response.ok,
      () => false,
    )
    expect(reached).toBe(false)
    expect((await world.engine.observeAll()).filter(({ target }) => target.app === base.app)).toHaveLength(1)
  })

  it('falls through to the environment where the copy was stopped, also by the link of the space, and is guarded', async () => {
    const [base, mine] = await over('mine')
    const url = `${await address(mine!)}/env`
    const stopped = { sets: [], split: [], crons: [], overlay: {} }
    await settle(mine!, stopped)
    expect(await spaceOf(call(base, 'mine', '/env'))).toBeNull()
    expect(await spaceOf(fetch(url))).toBeNull()
    const door = { key: randomBytes(32).toString('base64url'), revoked: [] }
    await settle(mine!, { ...stopped, overlay: { door } })
    expect((await fetch(url)).status).toBe(403)
    await settle(mine!, asked('mine'))
    expect(await spaceOf(fetch(url))).toBe('mine')
  })

  it('never answers a space by the set of another, while sets restart under load', async () => {
    const [base, mine, other] = await over('mine', 'other')
    let loading = true
    const wrong: string[] = []
    const ask = async (space: string | null) => {
      while (loading) {
        const response = await call(base, space, '/env')
        if (response.status !== 200) wrong.push(`${space}: ${response.status} ${await response.text()}`)
        else {
          const found = ((await response.json()) as { TOW_SPACE?: string }).TOW_SPACE ?? null
          if (found !== space) wrong.push(`${space} was answered by ${found}`)
        }
      }
    }
    const clients = [ask(null), ask('mine'), ask('other'), ask('mine')]
    for (const epoch of [1, 2]) {
      await settle(mine!, asked('mine', { restarts: { web: epoch } }))
      await settle(other!, asked('other', { restarts: { web: epoch } }))
    }
    await world.engine.remove(other!, 1000)
    loading = false
    await Promise.all(clients)
    expect(wrong.filter((one) => !one.startsWith('other was answered by null'))).toEqual([])
  })
}
