/** A real server on a free port with the given routes behind the real guard, and a client of it. */
import type { AnyRouter } from '@orpc/server'
import type { FastifyInstance } from 'fastify'
import { PERMISSIONS, type Permission } from '../src/api/operation.ts'
import { type Client, createClient } from '../src/client/client.ts'
import type { Database } from '../src/platform/kernel/database.ts'
import type { Principal } from '../src/platform/kernel/http/authenticator.ts'
import type { Authorize } from '../src/platform/kernel/http/authorize.ts'
import type { Beyond } from '../src/platform/kernel/http/beyond.ts'
import { createReplays } from '../src/platform/kernel/http/replays.ts'
import { createServer } from '../src/platform/kernel/http/server.ts'
import { createLog, type LogEntry } from '../src/platform/kernel/log.ts'

export const TOKEN = 'test-token'
export const TEST_PERSON = 'ada'
export const TESTER: Principal = {
  name: TEST_PERSON,
  kind: 'person',
  roles: [{ role: 'administrator', environment: null }],
  teams: [],
  credential: { kind: 'token-file', name: null, expiresAt: null },
}

export interface TestServer {
  url: string
  client: Client
  /** Everything that the server logged. */
  logged: LogEntry[]
  listenBeyond(beyond: Beyond): Promise<string>
  close(): Promise<void>
}

export interface TestServerOptions {
  database: Database
  routes: unknown
  mounts?: ((server: FastifyInstance) => void)[]
  pages?: ((server: FastifyInstance) => void)[]
  /** What the person may do; default: everything. */
  permissions?: readonly Permission[]
  /** What is said of the objects that a request names; default: nothing against any. */
  authorize?: Authorize
  port?: number
  now?: () => Date
  /** Awaited before anybody is known. */
  hold?: () => Promise<void>
  /** Whose the token is; default: the one who started the platform. */
  principal?: Principal
}

/** `ada` holds the one token. */
export async function serveForTest({
  database,
  routes,
  mounts = [],
  pages = [],
  permissions = PERMISSIONS,
  authorize = async () => {},
  port = 0,
  now = () => new Date(),
  hold = async () => {},
  principal = TESTER,
}: TestServerOptions): Promise<TestServer> {
  const logged: LogEntry[] = []
  const server = createServer({
    router: routes as AnyRouter,
    authenticator: {
      async authenticate({ secret }) {
        await hold()
        return secret === TOKEN ? principal : null
      },
      permits: (_, permission) => permissions.includes(permission),
    },
    authorize,
    onAccessChanged: (look) => database.listen('access', look),
    replays: createReplays({ database, now: () => new Date() }),
    log: createLog((entry) => logged.push(entry)),
    now,
    mounts,
    pages,
  })
  const url = await server.listen(port)
  return {
    url,
    client: createClient({ url, token: TOKEN }),
    logged,
    listenBeyond: server.listenBeyond,
    close: server.close,
  }
}
