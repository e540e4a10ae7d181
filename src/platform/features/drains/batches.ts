/** Lines in batches: as many as come together, never more than the limits, never held back for long. */
import type { LogLine } from '../../../api/logs.ts'

export interface BatchLimits {
  lines: number
  /** Of their texts, in characters. */
  size: number
  /** Milliseconds from the first line of a batch. */
  linger: number
}

/** Nothing is read ahead but one line, so a receiver that is away fills no memory. */
export async function* inBatches(
  lines: AsyncIterable<LogLine>,
  limits: BatchLimits,
): AsyncGenerator<LogLine[]> {
  const iterator = lines[Symbol.asyncIterator]()
  const pull = () => {
    const next = iterator.next()
    next.catch(() => {})
    return next
  }
  try {
    let next = pull()
    for (;;) {
      const first = await next
      if (first.done) return
      const batch = [first.value]
      let size = first.value.text.length
      let timer: NodeJS.Timeout | undefined
      const over = new Promise<null>((resolve) => {
        timer = setTimeout(() => resolve(null), limits.linger)
      })
      next = pull()
      while (batch.length < limits.lines && size < limits.size) {
        const more = await Promise.race([next, over])
        if (more === null || more.done) break
        batch.push(more.value)
        size += more.value.text.length
        next = pull()
      }
      clearTimeout(timer)
      yield batch
    }
  } finally {
    void iterator.return?.()
  }
}
