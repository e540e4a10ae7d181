/** Requests beside the table of operations, under the same token and with the same failures. */
import { OWN_PAGE_HEADER } from '../api/pages.ts'
import { ofBody, toTowError } from './failure.ts'

export interface Door {
  /** `path` under `/api`. Answers with what succeeded; a failure is thrown as TowError. Never repeated by itself. */
  request(path: `/${string}`, init: DoorRequest): Promise<Response>
  /** Where and with which headers a WebSocket is opened. */
  webSocket(path: `/${string}`): { url: string; headers: Record<string, string> }
}

export interface DoorRequest {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  contentType?: string
  body?: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>
  signal?: AbortSignal
}

interface DoorOptions {
  url: string
  token: string | null
  fetch: (request: Request, init?: RequestInit) => Promise<Response>
}

/** What says who asks, as headers; a browser adds its session by itself. */
export function credential(token: string | null): Record<string, string> {
  return token === null ? { [OWN_PAGE_HEADER]: '1' } : { authorization: `Bearer ${token}` }
}

export function openDoor({ url, token, fetch }: DoorOptions): Door {
  const base = `${url.replace(/\/$/, '')}/api`
  return {
    async request(path, { method, contentType = 'application/octet-stream', body, signal }) {
      const request = new Request(base + path, {
        method,
        headers: { ...credential(token), ...(body === undefined ? {} : { 'content-type': contentType }) },
        ...(body === undefined ? {} : { body, duplex: 'half' }),
        ...(signal ? { signal } : {}),
      } as RequestInit)
      let response: Response
      try {
        response = await fetch(request)
      } catch (error) {
        throw toTowError(error, url, signal)
      }
      if (response.ok) return response
      const told = ofBody(await response.json().catch(() => null), response.status)
      throw told ?? toTowError(new Error(`HTTP ${response.status}`), url, signal)
    },
    webSocket: (path) => ({ url: base.replace(/^http/, 'ws') + path, headers: credential(token) }),
  }
}
