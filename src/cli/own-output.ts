/** Files that this command writes to, as `dev.log` in `tow dev > dev.log`: if they were shipped, every line would be a change. */
import { type BigIntStats, fstatSync } from 'node:fs'

const written: BigIntStats[] = [1, 2].flatMap((descriptor) => {
  try {
    const stats = fstatSync(descriptor, { bigint: true })
    return stats.isFile() ? [stats] : []
  } catch {
    return []
  }
})

export function isOwnOutput({ dev, ino }: BigIntStats): boolean {
  return written.some((one) => one.dev === dev && one.ino === ino)
}
