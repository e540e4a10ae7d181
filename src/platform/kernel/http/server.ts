/**
 * The platform's HTTP server, on loopback, and beyond it where it was told to. It knows routes, limits and failures, and no operation by name.
 */
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http'
import type { AnyRouter } from '@orpc/server'
import fastify, { type FastifyInstance } from 'fastify'
import { ERROR_CODES, TowError } from '../../../api/errors.ts'
import type { Log } from '../log.ts'
import type { Authenticator } from './authenticator.ts'
import type { Authorize } from './authorize.ts'
import { type Beyond, type OpenBeyond, openBeyond } from './beyond.ts'
import { compressAnswers } from './compress.ts'
import { failureBody, isUnexpected, toTowError } from './failure.ts'
import { guard, makeRequestId } from './guard.ts'
import { createGuesses } from './guesses.ts'
import type { Replays } from './replays.ts'
import { serveOperations } from './serve.ts'
import { createStanding, type Standing } from './standing.ts'
import { refuseUnreadable } from './unreadable.ts'
import { routeUpgrades } from './upgrade.ts'

declare module 'fastify' {
  interface FastifyInstance {
    standing: Standing
  }
}

export interface ServerOptions {
  router: AnyRouter
  authenticator: Authenticator
  authorize: Authorize
  /** Calls back whenever somebody may have lost what let them in; answers with how to stop that. */
  onAccessChanged: (look: () => void) => () => void
  replays: Replays
  log: Log
  now: () => Date
  /** Doors beside the table of operations, mounted under `/api`. */
  mounts: readonly ((server: FastifyInstance) => void)[]
  /** Pages outside `/api`: the documentation, later the console. */
  pages: readonly ((server: FastifyInstance) => void)[]
}

export interface Server {
  /** Answers with the URL. `port` 0: any. Throws CONFLICT where the port is taken. */
  listen(port: number): Promise<string>
  /** The same beyond loopback, once the server listens there. Answers with the URL. */
  listenBeyond(beyond: Beyond): Promise<string>
  close(): Promise<void>
}

const CLOSING_MILLISECONDS = 3000
const RECHECK_MILLISECONDS = 60_000

export function createServer(options: ServerOptions): Server {
  const { router, authenticator, authorize, onAccessChanged, replays, log, now, mounts, pages } = options
  const server = fastify({
    genReqId: makeRequestId,
    requestIdHeader: false,
    bodyLimit: 1024 * 1024,
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 256 },
    clientErrorHandler: refuseUnreadable,
  })
  const standing = createStanding()
  server.decorate('standing', standing)
  const unlisten = onAccessChanged(() => void standing.recheck())
  const minutes = setInterval(() => void standing.recheck(), RECHECK_MILLISECONDS).unref()
  let outside: OpenBeyond | null = null
  guard(server, { authenticator, authorize, guessed: createGuesses(now) })
  routeUpgrades(server)
  server.setErrorHandler((thrown, request, reply) => {
    const error = toTowError(thrown, request.id)
    if (isUnexpected(error)) {
      log.error('a request failed', error.cause ?? error, { requestId: request.id, method: request.method })
    }
    if (error.retryAfterSeconds !== undefined) reply.header('retry-after', String(error.retryAfterSeconds))
    return reply.status(ERROR_CODES[error.code].status).send(failureBody(error, request.id))
  })
  server.setNotFoundHandler((request) => {
    throw new TowError('NOT_FOUND', `there is nothing at ${request.method} ${request.url.split('?')[0]}`, {
      hint: 'GET /docs lists every operation',
    })
  })
  compressAnswers(server)
  serveOperations(server, { router, prefix: '/api', authorize, replays, log })
  for (const mount of mounts) {
    server.register(
      async (scope) => {
        mount(scope)
      },
      { prefix: '/api' },
    )
  }
  for (const page of pages) {
    server.register(async (scope) => {
      page(scope)
    })
  }

  return {
    async listen(port) {
      try {
        return await server.listen({ host: '127.0.0.1', port })
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause
        throw new TowError('CONFLICT', `port ${port} is taken by another program`, {
          hint: 'give another one with --port, or 0 for any that is free',
          cause,
        })
      }
    },
    async listenBeyond(beyond) {
      const routes = {
        request: (incoming: IncomingMessage, answer: ServerResponse) => server.routing(incoming, answer),
        upgrades: (source: HttpServer) => routeUpgrades(server, source),
      }
      outside = await openBeyond(beyond, { ...routes, log, now })
      return outside.url
    },
    async close() {
      clearInterval(minutes)
      unlisten()
      // Cut, not ended: to a client the end of a stream means that there is nothing more to come.
      standing.cutAll()
      const late = setTimeout(() => server.server.closeAllConnections(), CLOSING_MILLISECONDS)
      await Promise.all([outside?.close(), server.close()])
      clearTimeout(late)
    },
  }
}
