import { availableParallelism, totalmem } from 'node:os'
import type { Capacity } from '../engine.ts'

/** Of the machine, or of the container that it is. */
export function capacityHere(): Capacity {
  const constrained = process.constrainedMemory()
  const memoryBytes = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
  return { of: 'this machine', cpus: availableParallelism(), memoryBytes }
}
