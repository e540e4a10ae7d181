/** Messages over any stream of bytes: how long its JSON is, how long the bytes that follow it are, and both. */
import type { Duplex } from 'node:stream'
import { TowError } from '../api/errors.ts'

export interface Frame {
  message: unknown
  body: Buffer
}

const HEAD_BYTES = 8
const MOST_MESSAGE_BYTES = 64 * 1024 ** 2
/** More than the largest part of a file that travels at once. */
export const MOST_BODY_BYTES = 16 * 1024 ** 2

export function encodeFrame(message: unknown, body: Uint8Array = Buffer.alloc(0)): Buffer {
  const text = Buffer.from(JSON.stringify(message))
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUInt32BE(text.length, 0)
  head.writeUInt32BE(body.length, 4)
  return Buffer.concat([head, text, body])
}

/** Resolves once the stream takes more: who sends too fast waits. Throws UNAVAILABLE where it is closed. */
export function sendFrame(stream: Duplex, message: unknown, body?: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    if (stream.destroyed || stream.writableEnded) return reject(cutOff())
    stream.write(encodeFrame(message, body), (error) => (error ? reject(cutOff(error)) : resolve()))
  })
}

/** Ends with the stream; a frame that was cut off is none. BAD_INPUT for what is no frame, or a larger one than there is. */
export async function* readFrames(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  let chunks: Uint8Array[] = []
  let length = 0
  let wanted = HEAD_BYTES
  for await (const chunk of stream) {
    chunks.push(chunk)
    length += chunk.length
    while (length >= wanted) {
      const bytes = chunks.length === 1 ? Buffer.from(chunks[0]!) : Buffer.concat(chunks)
      const text = bytes.readUInt32BE(0)
      const body = bytes.readUInt32BE(4)
      if (text > MOST_MESSAGE_BYTES || body > MOST_BODY_BYTES) {
        throw new TowError(
          'TOO_LARGE',
          `a message of ${text} and ${body} bytes is more than may be sent at once`,
        )
      }
      wanted = HEAD_BYTES + text + body
      if (length < wanted) {
        chunks = [bytes]
        break
      }
      yield {
        message: parse(bytes.toString('utf8', HEAD_BYTES, HEAD_BYTES + text)),
        body: bytes.subarray(HEAD_BYTES + text, wanted),
      }
      const rest = bytes.subarray(wanted)
      chunks = rest.length > 0 ? [rest] : []
      length = rest.length
      wanted = HEAD_BYTES
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new TowError('BAD_INPUT', 'what came is no message of a workspace')
  }
}

export function cutOff(cause?: unknown): TowError {
  return new TowError('UNAVAILABLE', 'the connection to the workspace broke', cause ? { cause } : {})
}
