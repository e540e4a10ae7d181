/** The address of repositories, `/git/<name>.git`: Git's smart HTTP, behind the same guard as every other request. */
import type { Writable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ERROR_CODES } from '../../../api/errors.ts'
import { toTowError } from '../../kernel/http/failure.ts'
import { onceGone } from '../../kernel/http/gone.ts'
import { actorOf } from '../../kernel/http/guard.ts'
import { isName } from '../manifests/index.ts'
import { type Backend, startBackend } from './backend.ts'
import { answer, readQuestion } from './hook.ts'
import { refusals } from './messages.ts'
import { judge, type PushDependencies } from './push.ts'

export interface DoorOptions extends PushDependencies {
  hooks: string
}

export interface GitDoor {
  mount(server: FastifyInstance): void
  /** Ends what is under way, without giving up any delivery. */
  close(): Promise<void>
}

type GitRequest = FastifyRequest<{ Params: { repository: string }; Querystring: { service?: string } }>

const MOST_AT_ONCE = 64
const RECEIVE = 'git-receive-pack'
const UPLOAD = 'git-upload-pack'

export function createDoor(options: DoorOptions): GitDoor {
  const { repositories, hooks, onError } = options
  const running = new Map<Backend, Promise<void>>()
  /** How many pushes go to a repository. */
  const pushing = new Map<string, number>()
  const stopping = new AbortController()

  async function open(request: GitRequest, service: string | undefined): Promise<string> {
    const name = request.params.repository.replace(/\.git$/, '')
    if (!isName(name)) throw refusals.badName(name)
    if (service === RECEIVE) await repositories.open(name)
    else if (service !== UPLOAD) throw refusals.unknownService(service ?? 'of old')
    else if (!repositories.exists(name)) throw refusals.unknown(name)
    return name
  }

  function start(request: GitRequest, name: string, verb: string, gone: AbortSignal) {
    if (running.size >= MOST_AT_ONCE) throw refusals.tooMany(MOST_AT_ONCE)
    const backend = startBackend({
      folder: repositories.folder,
      hooks,
      request: {
        method: request.method,
        path: `/${name}.git/${verb}`,
        query: request.url.split('?')[1] ?? '',
        headers: request.headers,
        by: request.principal.name,
      },
    })
    const over = backend.ended.then(() => void running.delete(backend))
    running.set(backend, over)
    if (gone.aborted) backend.kill()
    gone.addEventListener('abort', () => backend.kill())
    return backend
  }

  async function send(reply: FastifyReply, backend: Backend) {
    const { status, headers } = await backend.head()
    return reply.status(status).headers(headers).send(backend.output)
  }

  async function advertise(request: GitRequest, reply: FastifyReply) {
    const name = await open(request, request.query.service)
    const backend = start(request, name, 'info/refs', goneOf(reply))
    backend.input.end()
    return send(reply, backend)
  }

  function exchange(service: string) {
    return async (request: GitRequest, reply: FastifyReply) => {
      const gone = goneOf(reply)
      const name = await open(request, service)
      const backend = start(request, name, service, gone)
      hand(request, backend)
      if (service === RECEIVE) {
        pushing.set(name, (pushing.get(name) ?? 0) + 1)
        void receive(request, backend, name, gone)
          .catch(onError)
          .then(() => leave(name, backend))
          .catch(onError)
      }
      return send(reply, backend)
    }
  }

  /** Git leaves behind what it was receiving when it was ended by a signal. */
  async function leave(name: string, backend: Backend) {
    await backend.ended
    const others = pushing.get(name)! - 1
    pushing.set(name, others)
    if (others === 0) await repositories.sweep(name)
  }

  async function receive(request: GitRequest, backend: Backend, repository: string, gone: AbortSignal) {
    const { pipes } = backend
    const question = await readQuestion(pipes)
    if (!question) return
    const accepted = await judge(options, {
      ...question,
      repository,
      by: actorOf(request),
      say: (line) => void pipes.words.write(`${line}\n`),
      drained: () => drained(pipes.words),
      gone,
      stopping: stopping.signal,
      // Git moves main only after the verdict, so the next push waits for its end.
      onTurn: (leave) => void backend.ended.then(leave),
    })
    answer(pipes, accepted)
    await backend.ended
    if (accepted && !stopping.signal.aborted) await repositories.tidy(repository)
  }

  return {
    mount(server) {
      server.removeAllContentTypeParsers()
      // Not read into memory: the body is handed on as it comes, to a program that bounds it.
      server.addContentTypeParser('*', { bodyLimit: Number.MAX_SAFE_INTEGER }, (_request, body, done) =>
        done(null, body),
      )
      // Git shows people what is plain text, and nothing else.
      server.setErrorHandler((thrown, request, reply) => {
        const error = toTowError(thrown, request.id)
        if (error.code === 'INTERNAL') onError(error.cause ?? error)
        const text = [error.message, error.hint].filter((line) => line !== undefined).join('\n')
        return reply
          .status(ERROR_CODES[error.code].status)
          .type('text/plain; charset=utf-8')
          .send(`${text}\n`)
      })
      server.addHook('preClose', async () => stopping.abort())
      const config = { permission: 'app:change', objects: 'none', basic: true } as const
      const bodyLimit = Number.MAX_SAFE_INTEGER
      server.get('/git/:repository/info/refs', { config }, advertise)
      server.post(`/git/:repository/${UPLOAD}`, { config, bodyLimit }, exchange(UPLOAD))
      // Which apps a push would ship is known once its files are read: see push.ts.
      const receives = { ...config, objects: 'later' } as const
      server.post(`/git/:repository/${RECEIVE}`, { config: receives, bodyLimit }, exchange(RECEIVE))
    },
    async close() {
      stopping.abort()
      for (const backend of running.keys()) backend.kill()
      await Promise.all(running.values())
    },
  }
}

/** Aborted when whoever asked is gone before all was answered. */
function goneOf(reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  onceGone(reply, () => {
    if (!reply.raw.writableFinished) gone.abort()
  })
  return gone.signal
}

/** Git may end before it has read all: what is left of the body is read away, so that the answer gets through. */
function hand(request: FastifyRequest, { input }: Backend): void {
  const body = (request.body ?? request.raw) as NodeJS.ReadableStream
  input.once('close', () => {
    body.unpipe(input)
    body.resume()
  })
  body.pipe(input)
}

async function drained(stream: Writable): Promise<void> {
  if (!stream.writableNeedDrain || stream.destroyed) return
  await new Promise<void>((done) => {
    const go = () => {
      stream.off('drain', go).off('close', go)
      done()
    }
    stream.on('drain', go).on('close', go)
  })
}
