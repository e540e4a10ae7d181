/**
 * The one typed client of the platform, for the command line, the console and tests. It speaks what the OpenAPI
 * document says. It holds no rule of the domain; what it adds is that a lost connection is not a lost answer:
 * a changing call is repeated under its Idempotency-Key, a stream goes on after the last event that arrived.
 */
import { type ClientContext, createORPCClient } from '@orpc/client'
import { type ContractRouterClient, ORPCError } from '@orpc/contract'
import { OpenAPILink } from '@orpc/openapi-client/fetch'
import { type Contract, contract } from '../api/contract.ts'
import { credential, type Door, openDoor } from './door.ts'
import { ofBody, toTowError } from './failure.ts'
import { isStream, persist, resume } from './persist.ts'

export interface ClientOptions {
  /** `http://127.0.0.1:7007` */
  url: string
  /** Null in a page of the platform's own: the browser sends the session. */
  token: string | null
  fetch?: (request: Request, init?: RequestInit) => Promise<Response>
  /** How long a call whose connection broke is tried again, in milliseconds. Default: 10,000. */
  patience?: number
}

export type Client = ContractRouterClient<Contract> & {
  /** Of the platform, without a slash at its end. */
  url: string
  /** What JSON is no place for: blobs, terminals. */
  door: Door
}

interface CallContext extends ClientContext {
  idempotencyKey?: string
}

export function createClient({
  url,
  token,
  fetch = globalThis.fetch,
  patience = 10_000,
}: ClientOptions): Client {
  const link = new OpenAPILink<CallContext>(contract, {
    url: `${url.replace(/\/$/, '')}/api`,
    fetch: (request, init) => fetch(request, init),
    headers: ({ context }) => ({
      ...credential(token),
      ...(context.idempotencyKey ? { 'idempotency-key': context.idempotencyKey } : {}),
    }),
    customErrorResponseBodyDecoder(body, response) {
      const cause = ofBody(body, response.status)
      return cause && new ORPCError(cause.code, { status: response.status, message: cause.message, cause })
    },
    interceptors: [
      async (call) => {
        const context: CallContext = { ...call.context, idempotencyKey: crypto.randomUUID() }
        const { signal } = call
        const attempt = (lastEventId: string | undefined) =>
          call.next({ ...call, context, ...(lastEventId === undefined ? {} : { lastEventId }) })
        const limits = { patience, signal }
        try {
          const output = await persist(() => attempt(call.lastEventId), limits)
          if (!isStream(output)) return output
          // Whoever follows was served once, and nothing is lost by waiting longer.
          const longer = { ...limits, patience: patience * 6 }
          return resume(output, attempt, { ...longer, toError: (error) => toTowError(error, url, signal) })
        } catch (error) {
          throw toTowError(error, url, signal)
        }
      },
    ],
  })
  const operations = createORPCClient<ContractRouterClient<Contract>>(link)
  const topics = Object.keys(contract).map((topic) => [topic, operations[topic as keyof Contract]])
  return {
    ...Object.fromEntries(topics),
    url: url.replace(/\/$/, ''),
    door: openDoor({ url, token, fetch }),
  } as Client
}
