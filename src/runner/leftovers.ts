/** Ends what a runner that is gone left running; for those who want everything to stop and have no runner to ask. */
import { existsSync, readdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { readJson } from './durable.ts'
import { pathsOf } from './paths.ts'
import { isSame } from './shim/identity.ts'
import { type ShimState, STATE } from './shim/spec.ts'

/** Settles when all shims of the home are gone; each ends its app first. They come back with the next runner. */
export async function endLeftovers(home: string): Promise<void> {
  const folder = pathsOf(home).processes
  const states = (existsSync(folder) ? readdirSync(folder) : []).flatMap(
    (id) => readJson<ShimState>(`${folder}/${id}/${STATE}`) ?? [],
  )
  const alive = states.filter((state) => isSame(state.shim))
  for (const { shim } of alive) process.kill(shim.pid, 'SIGTERM')
  while (alive.some((state) => isSame(state.shim))) await delay(20)
}
