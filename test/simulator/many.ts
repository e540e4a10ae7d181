/** Many schedules at once, on every core. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Found, Order } from './worker.ts'

/** Seeds from `seed` on; answers with the first schedules that broke something, by seed. */
export async function playMany(seed: number, count: number): Promise<Found[]> {
  const workers = Math.min(availableParallelism(), 8)
  const found = await Promise.all(
    Array.from({ length: workers }, (_, number) => {
      const order: Order = { seed: seed + number, step: workers, end: seed + count }
      return new Promise<Found[]>((resolve, reject) => {
        const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: order })
        worker.once('message', resolve).once('error', reject)
      })
    }),
  )
  return found.flat().sort((one, other) => one.seed - other.seed)
}
