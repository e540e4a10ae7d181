/** Whether it is known how much there is to run on: a right of its own, without which all else goes on. */
import { capacityOf } from '../capacity.ts'
import type { Look } from './check.ts'

const GIGABYTE = 2 ** 30

export const checkCapacity: Look = async (cluster) => {
  const { of, cpus, memoryBytes } = await capacityOf(cluster)
  if (of === null)
    return 'how much there is to run on may not be read, so it is not shown: capacity=true of charts/access allows that'
  const parts = [
    cpus === null ? [] : [`${inTenths(cpus)} CPUs`],
    memoryBytes === null ? [] : [`${inTenths(memoryBytes / GIGABYTE)} GB of memory`],
  ]
  return `${parts.flat().join(' and ')} to run on, of ${of}`
}

const inTenths = (value: number): number => Math.round(value * 10) / 10
