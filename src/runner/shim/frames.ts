/**
 * Frames on an attached connection: one byte kind, four bytes length, payload. Used by the shim, the runner and the
 * engine alike; imports nothing.
 */
export const FRAME = {
  input: 0,
  endOfInput: 1,
  resize: 2,
  signal: 3,
  stdout: 10,
  stderr: 11,
  /** A JobStatus as JSON; the last frame. */
  done: 12,
} as const
const FRAME_LIMIT = 1 << 20

export interface Frame {
  kind: number
  payload: Buffer
}

/** One frame as bytes. */
export function encodeFrame(kind: number, payload: Uint8Array | string = ''): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload) : payload
  const head = Buffer.alloc(5)
  head.writeUInt8(kind, 0)
  head.writeUInt32BE(body.length, 1)
  return Buffer.concat([head, body])
}

/** Collects chunks and gives out whole frames. Throws for a frame of more than 1 MiB: no writer of ours makes one. */
export function createFrameReader(): (chunk: Uint8Array) => Frame[] {
  let kept: Buffer<ArrayBufferLike> = Buffer.alloc(0)
  return (chunk) => {
    kept = kept.length === 0 ? Buffer.from(chunk) : Buffer.concat([kept, chunk])
    const frames: Frame[] = []
    while (kept.length >= 5) {
      const length = kept.readUInt32BE(1)
      if (length > FRAME_LIMIT) throw new Error(`a frame of ${length} bytes is too large`)
      if (kept.length < 5 + length) break
      frames.push({ kind: kept.readUInt8(0), payload: Buffer.from(kept.subarray(5, 5 + length)) })
      kept = kept.subarray(5 + length)
    }
    return frames
  }
}
