/** Takes exact amounts of bytes out of a stream of chunks: for formats that announce their lengths. */

export interface ByteReader {
  /** Exactly `count` bytes, or null where the stream ends before that. */
  exactly(count: number): Promise<Buffer | null>
  /** Text up to a newline, which is taken too; null where the stream ends or the line is longer than `most`. */
  line(most: number): Promise<string | null>
  /** `count` bytes as they come; throws `cutOff()` where the stream ends before that. */
  stream(count: number, cutOff: () => Error): AsyncIterable<Uint8Array>
  /** True when nothing is left. */
  isAtEnd(): Promise<boolean>
  /** Lets the source go, read to its end or not. */
  close(): Promise<void>
}

export function createByteReader(source: AsyncIterable<Uint8Array>): ByteReader {
  const iterator = source[Symbol.asyncIterator]()
  let rest: Uint8Array = new Uint8Array(0)
  const fill = async (): Promise<boolean> => {
    while (rest.length === 0) {
      const next = await iterator.next()
      if (next.done) return false
      rest = next.value
    }
    return true
  }
  const take = (count: number): Uint8Array => {
    const taken = rest.subarray(0, count)
    rest = rest.subarray(taken.length)
    return taken
  }
  return {
    async exactly(count) {
      if (rest.length >= count) return Buffer.from(take(count))
      const whole = Buffer.allocUnsafe(count)
      let filled = 0
      while (filled < count) {
        if (!(await fill())) return null
        const part = take(count - filled)
        whole.set(part, filled)
        filled += part.length
      }
      return whole
    },
    async line(most) {
      const parts: Uint8Array[] = []
      for (let length = 0; length <= most; ) {
        if (!(await fill())) return null
        const end = rest.indexOf(10)
        const part = take(end < 0 ? rest.length : end)
        parts.push(part)
        length += part.length
        if (end < 0) continue
        take(1)
        return Buffer.concat(parts).toString()
      }
      return null
    },
    async *stream(count, cutOff) {
      for (let left = count; left > 0; ) {
        if (!(await fill())) throw cutOff()
        const part = take(left)
        left -= part.length
        yield part
      }
    },
    isAtEnd: async () => !(await fill()),
    async close() {
      await iterator.return?.()
    },
  }
}
