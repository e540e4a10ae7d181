/** The runner's protocol: which request means what. Bodies are parsed here, and nowhere else. */
import type { IncomingMessage } from 'node:http'
import type * as z from 'zod'
import { TowError } from '../api/errors.ts'
import { parseAppName } from './paths.ts'
import type { Runner } from './runner.ts'
import {
  ApplyBody,
  type Hello,
  JobBody,
  PROTOCOL_VERSION,
  RemoveBody,
  RestartBody,
  ShutdownBody,
  type Target,
  TargetShape,
} from './shapes.ts'

export type Answer = { value: unknown } | { stream: AsyncIterable<unknown> }

export interface Call {
  method: string
  url: URL
  body: () => Promise<unknown>
  /** Aborted when the caller leaves. */
  signal: AbortSignal
}

const BODY_LIMIT = 64 * 1024 * 1024
const WATCH_EVERY = 10_000
/** Changes that come together are told together. */
const WATCH_PAUSE = 20

/** Answers one call; throws TowError. */
export async function answer(runner: Runner, call: Call, shutDown: (apps: boolean) => void): Promise<Answer> {
  const segments = call.url.pathname.split('/').slice(1).map(decodeURIComponent)
  const [version, subject, environment, app, what, id] = segments
  if (version !== 'v1') throw unknownCall(call)
  const route = `${call.method} ${subject}${environment ? '/target' : ''}${what ? `/${what}` : ''}${id ? '/id' : ''}`
  if (route === 'GET hello') {
    const hello: Hello = {
      version: PROTOCOL_VERSION,
      pid: process.pid,
      startedAt: runner.startedAt,
      home: runner.home,
    }
    return { value: hello }
  }
  if (route === 'GET problems') return { value: runner.problems() }
  if (route === 'GET targets') return { value: runner.targets().map((target) => runner.observe(target)) }
  if (route === 'POST shutdown') {
    shutDown(parse(ShutdownBody, await call.body()).apps)
    return { value: {} }
  }
  const target = parseTarget(environment, app)
  switch (route) {
    case 'POST targets/target/ground':
      return { value: await runner.ground(target) }
    case 'PUT targets/target': {
      const { generation, desired } = parse(ApplyBody, await call.body())
      runner.apply(target, generation, desired)
      return { value: {} }
    }
    case 'DELETE targets/target':
      runner.remove(target, parse(RemoveBody, await call.body()).generation)
      return { value: {} }
    case 'GET targets/target':
      return { value: runner.observe(target) }
    case 'GET targets/target/watch':
      return { stream: watch(runner, target, call.signal) }
    case 'GET targets/target/desired':
      return { value: redacted(runner, target) }
    case 'GET targets/target/samples': {
      const since = Date.parse(call.url.searchParams.get('since') ?? '') || 0
      return { value: runner.find(target)?.samples.read(since) ?? [] }
    }
    case 'GET targets/target/crons':
      return { value: runner.find(target)?.crons.history() ?? {} }
    case 'POST targets/target/restart': {
      const { set } = parse(RestartBody, await call.body())
      const runtime = runner.find(target)?.runtime
      return { value: runtime ? await runtime.restart(set) : { restarted: [], ended: [] } }
    }
    case 'POST targets/target/jobs':
      return { value: await runner.host(target).jobs.run(parse(JobBody, await call.body())) }
    case 'GET targets/target/jobs/id':
      return { value: runner.find(target)?.jobs.status(id!) ?? null }
    case 'DELETE targets/target/jobs/id': {
      const hosted = runner.find(target)
      if (!hosted) throw new TowError('NOT_FOUND', `no job was started under the key ${id}`)
      hosted.jobs.cancel(id!)
      return { value: {} }
    }
    default:
      throw unknownCall(call)
  }
}

/** As the client writes it into a path. */
export function parseTarget(environment: string | undefined, app = ''): Target {
  return parse(TargetShape, { environment, ...(parseAppName(app) ?? { app }) })
}

function unknownCall(call: Call): TowError {
  return new TowError('NOT_FOUND', `the runner knows no ${call.method} ${call.url.pathname}`, {
    hint: 'runner and platform may be of different versions: tow down && tow up',
  })
}

export function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.infer<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  throw new TowError('BAD_INPUT', `${issue.path.join('.') || 'the body'}: ${issue.message}`)
}

/** At once, after every change, and every ten seconds. */
async function* watch(runner: Runner, target: Target, signal: AbortSignal): AsyncGenerator<unknown> {
  let wake = () => {}
  let changed = true
  const tell = () => {
    changed = true
    wake()
  }
  const forget = runner.onChange(target, tell)
  signal.addEventListener('abort', tell)
  try {
    while (!signal.aborted) {
      if (!changed) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, WATCH_EVERY)
          wake = () => {
            clearTimeout(timer)
            resolve()
          }
        })
        await new Promise((resolve) => setTimeout(resolve, WATCH_PAUSE))
      }
      changed = false
      if (!signal.aborted) yield runner.observe(target)
    }
  } finally {
    forget()
    signal.removeEventListener('abort', tell)
  }
}

/** What is in force, its values hidden: names of keys are no secret, what they hold may be. */
function redacted(runner: Runner, target: Target): unknown {
  const memory = runner.find(target)?.runtime.memory()
  if (!memory) return null
  const sets = memory.desired.sets.map((set) => ({
    ...set,
    env: Object.fromEntries(Object.keys(set.env).map((key) => [key, '(hidden)'])),
  }))
  const { overlay } = memory.desired
  const door = overlay?.door && { ...overlay.door, key: '(hidden)' }
  return {
    generation: memory.generation,
    desired: {
      ...memory.desired,
      sets,
      ...(overlay ? { overlay: { ...overlay, ...(door ? { door } : {}) } } : {}),
    },
  }
}

/** The body as JSON; undefined where there is none. */
export async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += chunk.length
    if (size > BODY_LIMIT) throw new TowError('TOO_LARGE', `a request of more than ${BODY_LIMIT} bytes`)
    chunks.push(chunk)
  }
  return size === 0 ? undefined : parseJson(Buffer.concat(chunks).toString('utf8'))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new TowError('BAD_INPUT', 'what was sent is not JSON')
  }
}
