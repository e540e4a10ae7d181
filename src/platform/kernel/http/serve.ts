/**
 * The table of operations as HTTP routes: one route per operation, each with the permission and the body limit that
 * the contract declares, answered through oRPC so that inputs and outputs are what the contract says.
 */

import { mapEventIterator } from '@orpc/client'
import type { AnySchema } from '@orpc/contract'
import { SmartCoercionPlugin } from '@orpc/json-schema'
import { OpenAPIHandler } from '@orpc/openapi/fastify'
import type { AnyRouter } from '@orpc/server'
import { ZodToJsonSchemaConverter } from '@orpc/zod/zod4'
import type { FastifyInstance } from 'fastify'
import type { TowError } from '../../../api/errors.ts'
import type { OperationMeta } from '../../../api/operation.ts'
import type { Log } from '../log.ts'
import type { OperationContext } from '../operations.ts'
import type { Principal } from './authenticator.ts'
import { type Authorize, checkObjects, validated } from './authorize.ts'
import { isUnexpected, toTowError, wireError } from './failure.ts'
import { onceGone } from './gone.ts'
import { actorOf } from './guard.ts'
import { type Replays, readKey } from './replays.ts'
import { operationsOf } from './table.ts'
import { refuseUnkeepableText } from './text.ts'

interface RequestContext extends OperationContext {
  principal: Principal
  idempotencyKey: string | undefined
  /** Says when it is worth trying again. */
  retryAfter: (seconds: number) => void
  /** Told once the answer turns out to be a stream, with what asks for it again on somebody's behalf. */
  streams: (again: (principal: Principal) => Promise<void>) => void
}

export interface ServeOptions {
  router: AnyRouter
  prefix: `/${string}`
  authorize: Authorize
  replays: Replays
  log: Log
}

const KEEP_ALIVE_MILLISECONDS = 15_000

export function serveOperations(server: FastifyInstance, options: ServeOptions): void {
  const { router, prefix } = options
  const handler = createHandler(options)
  for (const { name, path, meta, method, input } of operationsOf(router)) {
    checkObjects(name, meta.permission, meta.objects, input)
    server.route({
      method,
      url: prefix + path.replace(/\{(\w+)\}/g, ':$1'),
      config: { permission: meta.permission, ...(meta.objects && { objects: 'later' as const }) },
      bodyLimit: meta.bodyMegabytes * 1024 * 1024,
      async handler(request, reply) {
        const gone = new AbortController()
        onceGone(reply, () => gone.abort())
        const context: RequestContext = {
          actor: actorOf(request),
          principal: request.principal,
          requestId: request.id,
          address: request.ip,
          session: request.presented?.kind === 'session' ? request.presented.secret : undefined,
          signal: gone.signal,
          idempotencyKey: readKey(request.headers['idempotency-key']),
          retryAfter: (seconds) => void reply.header('retry-after', String(seconds)),
          streams(again) {
            onceGone(
              reply,
              server.standing.add(reply.raw, async () => again(await request.admitAgain())),
            )
          },
        }
        await handler.handle(request, reply, { prefix, context })
      },
    })
  }
}

function createHandler({ router, authorize, replays, log }: ServeOptions) {
  /** What a person reads, and what the log keeps of what nobody expected. */
  function fail(thrown: unknown, requestId: string, operation: string) {
    const error = toTowError(thrown, requestId)
    if (isUnexpected(error)) log.error('an operation failed', error.cause ?? error, { requestId, operation })
    return wireError(error, requestId)
  }

  return new OpenAPIHandler<RequestContext>(router as never, {
    eventIteratorKeepAliveInterval: KEEP_ALIVE_MILLISECONDS,
    eventIteratorKeepAliveComment: 'still here',
    plugins: [new SmartCoercionPlugin({ schemaConverters: [new ZodToJsonSchemaConverter()] })],
    interceptors: [
      async ({ next, context, request }) => {
        try {
          return await next()
        } catch (error) {
          const told = fail(error, context.requestId, `${request.method} ${request.url.pathname}`)
          const { retryAfterSeconds } = told.cause as TowError
          if (retryAfterSeconds !== undefined) context.retryAfter(retryAfterSeconds)
          throw told
        }
      },
    ],
    clientInterceptors: [
      async (options) => {
        const { context, path, procedure, input, next } = options
        const { replays: isKept, permission, objects } = procedure['~orpc'].meta as unknown as OperationMeta
        refuseUnkeepableText(input)
        const operation = path.join('.')
        const { idempotencyKey: key, principal } = context
        const ask = async (whose: Principal) => {
          if (objects === null || objects === 'none') return
          await authorize(whose, permission, objects, await validated(procedure['~orpc'].inputSchema, input))
        }
        // Before anything else: a kept answer is no more for everybody than a new one.
        await ask(principal)
        const output =
          key !== undefined && isKept
            ? await asDeclared(
                procedure['~orpc'].outputSchema,
                await replays.once({ key, principal: principal.name, operation, input }, (actor) =>
                  next({ ...options, context: { ...context, actor: { ...actor, principal } } }),
                ),
              )
            : await next()
        if (!isStream(output)) return output
        context.streams(ask)
        return mapEventIterator(output, {
          value: async (value) => value,
          error: async (error) => fail(error, context.requestId, operation),
        })
      },
    ],
  })
}

/** A kept answer is what the change answered; the caller gets of it what the contract declares, as the first time. */
async function asDeclared(schema: AnySchema | undefined, answer: unknown): Promise<unknown> {
  if (!schema) return answer
  const result = await schema['~standard'].validate(answer)
  if (result.issues)
    throw new Error(`a kept answer is not what the contract declares: ${result.issues[0]?.message}`)
  return result.value
}

function isStream(output: unknown): output is AsyncIterator<unknown, unknown, void> {
  return typeof output === 'object' && output !== null && Symbol.asyncIterator in output && 'next' in output
}
