import type { ServerResponse } from 'node:http'
import { PassThrough, type Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { app, routerWith } from './test-router.ts'
import { ask, serviceOf } from './testing.ts'
import { createTurns } from './turns.ts'

const PIECE = Buffer.alloc(64 * 1024)
const LARGE = Buffer.alloc(8 * 1024 ** 2)

/** A body of which one piece is always there; `pieces` counts those that moved. */
function endless(turns: ReturnType<typeof createTurns>): { body: Readable; pieces: () => number } {
  const body = new PassThrough({ highWaterMark: 1 })
  let pieces = 0
  body.on('data', (chunk: Buffer) => {
    pieces += 1
    turns.moved(body, chunk.length)
    if (!body.destroyed) body.write(PIECE)
  })
  body.write(PIECE)
  return { body, pieces: () => pieces }
}

test('large bodies take turns: none moves on without a bound while others wait, and each has its turn', async () => {
  const turns = createTurns()
  const bodies = Array.from({ length: 50 }, () => endless(turns))
  for (let turned = 0; turned < 200; turned++) await turn()
  const moved = bodies.map(({ pieces }) => pieces())
  for (const { body } of bodies) body.destroy()
  expect(Math.min(...moved)).toBeGreaterThan(10)
  expect(Math.max(...moved)).toBeLessThan(2 * Math.min(...moved))
})

test('a small request is answered before large answers that began earlier are through', async () => {
  const held: ServerResponse[] = []
  const all = Promise.withResolvers<void>()
  const one = await app((request, response) => {
    if (request.url !== '/large') return response.end('small')
    if (held.push(response) < 30) return
    for (const large of held) large.end(LARGE)
    all.resolve()
  })
  const { edge } = await routerWith(serviceOf({ v1: [one.port] }))
  const answered: string[] = []
  const large = Array.from({ length: 30 }, async () => {
    const { body } = await ask(edge.port, { ...edge, path: '/large' })
    answered.push(`${body.length} bytes`)
  })
  await all.promise
  answered.push((await ask(edge.port, edge)).body)
  await Promise.all(large)
  expect(answered).toHaveLength(31)
  expect(answered[0]).toBe('small')
})
