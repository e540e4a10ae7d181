/** What came in is no HTTP, so there is no route to answer from: one last sentence, and the connection ends. */
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { TowError } from '../../../api/errors.ts'
import { failureBody } from './failure.ts'
import { makeRequestId } from './guard.ts'

const UNREADABLE: Record<string, { status: number; error: TowError }> = {
  HPE_HEADER_OVERFLOW: { status: 431, error: new TowError('TOO_LARGE', 'the request’s header is too large') },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, error: new TowError('BAD_INPUT', 'the request took too long') },
}
const OTHERWISE = {
  status: 400,
  error: new TowError('BAD_INPUT', 'the request can’t be read: it is no HTTP'),
}

export function refuseUnreadable(failure: NodeJS.ErrnoException, socket: Socket): void {
  if (failure.code === 'ECONNRESET' || !socket.writable || socket.bytesWritten > 0) {
    socket.destroy()
    return
  }
  const { status, error } = UNREADABLE[failure.code ?? ''] ?? OTHERWISE
  const body = JSON.stringify(failureBody(error, makeRequestId()))
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
}
