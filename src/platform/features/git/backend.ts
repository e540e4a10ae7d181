/** `git http-backend` as the CGI program that it is: one process group per request, its answer as a stream. */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import type { Pipes } from './hook.ts'
import { refusals } from './messages.ts'

export interface BackendRequest {
  method: string
  /** `/missions.git/info/refs` */
  path: string
  query: string
  headers: Readonly<Record<string, string | string[] | undefined>>
  /** Who asks, for Git’s own record. */
  by: string
}

export interface BackendOptions {
  /** Holds the repositories. */
  folder: string
  hooks: string
  request: BackendRequest
}

export interface Backend {
  input: Writable
  pipes: Pipes
  /** Status and headers, once Git says them; throws what a person can read where it never does. */
  head(): Promise<{ status: number; headers: Record<string, string> }>
  output: Readable
  /** Resolves when the process is gone. */
  ended: Promise<void>
  /** Ends the whole group. */
  kill(): void
}

/** Largest pack of one push. */
const MOST_PACK_BYTES = 8 * 1024 ** 3
const KILL_AFTER = 5000
const MOST_HEAD_BYTES = 16 * 1024
const MOST_STDERR = 4000

/** Of this platform alone: nobody's own configuration of Git changes what a push does. */
function settings(hooks: string): string[] {
  const set = {
    'core.hooksPath': hooks,
    'http.receivepack': 'true',
    'receive.maxInputSize': String(MOST_PACK_BYTES),
    'receive.autogc': 'false',
    'receive.shallowUpdate': 'true',
    'transfer.fsckObjects': 'false',
    'uploadpack.allowFilter': 'true',
  }
  return Object.entries(set).flatMap(([key, value]) => ['-c', `${key}=${value}`])
}

export function startBackend({ folder, hooks, request }: BackendOptions): Backend {
  const { headers } = request
  const one = (name: string) => [headers[name] ?? ''].flat()[0]!
  // Through `env`, since only entry points read the environment; what Git reads from it is said here.
  const removed = ['GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE', 'GIT_OBJECT_DIRECTORY', 'GIT_NAMESPACE']
  const variables = {
    LC_ALL: 'C.UTF-8',
    HOME: folder,
    XDG_CONFIG_HOME: folder,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_PROJECT_ROOT: folder,
    GIT_HTTP_EXPORT_ALL: '1',
    REQUEST_METHOD: request.method,
    PATH_INFO: request.path,
    QUERY_STRING: request.query,
    CONTENT_TYPE: one('content-type'),
    // Without a length Git reads to the end, which is what a chunked body needs. Only a POST is read at all: told of
    // the length of any other body, Git turns in a circle for ever when nothing comes.
    ...(request.method === 'POST' && headers['content-length'] !== undefined
      ? { CONTENT_LENGTH: one('content-length') }
      : {}),
    HTTP_CONTENT_ENCODING: one('content-encoding'),
    ...(headers['git-protocol'] === undefined ? {} : { GIT_PROTOCOL: one('git-protocol') }),
    REMOTE_USER: request.by,
    REMOTE_ADDR: '127.0.0.1',
    GATEWAY_INTERFACE: 'CGI/1.1',
  }
  const child = spawn(
    'env',
    [
      ...removed.flatMap((name) => ['-u', name]),
      ...Object.entries(variables).map(([name, value]) => `${name}=${value}`),
      'git',
      ...settings(hooks),
      'http-backend',
    ],
    // A group of its own, so that Git, its children and the hook end together.
    { stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'], detached: true, cwd: folder },
  )
  const [input, output, errors, question, words, verdict] = child.stdio as unknown as [
    Writable,
    Readable,
    Readable,
    Readable,
    Writable,
    Writable,
  ]
  for (const stream of [input, words, verdict, output, errors, question]) stream.on('error', () => {})
  let stderr = ''
  errors.on('data', (chunk) => {
    if (stderr.length < MOST_STDERR) stderr += chunk
  })
  const ended = new Promise<void>((done) => {
    child.once('exit', () => done())
    child.once('error', () => done())
  })
  // What still holds the question's other end must not keep anybody waiting for it.
  void ended.then(() => question.destroy())
  let late: NodeJS.Timeout | undefined
  void ended.then(() => clearTimeout(late))
  return {
    input,
    output,
    pipes: { question, words, verdict },
    ended,
    head: () =>
      readHead(output, async () => {
        await ended
        return failureOf(child, stderr)
      }),
    kill() {
      endGroup(child, 'SIGTERM')
      late ??= setTimeout(() => endGroup(child, 'SIGKILL'), KILL_AFTER).unref()
    },
  }
}

function endGroup({ pid, exitCode, signalCode }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return
  try {
    process.kill(-pid, signal)
  } catch {
    // Gone in this moment.
  }
}

function failureOf({ exitCode }: ChildProcess, stderr: string) {
  if (exitCode === 127) return refusals.noGit()
  if (/not a git command/.test(stderr)) return refusals.noBackend()
  return refusals.backend(stderr)
}

/** The lines before the empty one; what came with them of the body goes back into the stream. */
async function readHead(output: Readable, failure: () => Promise<Error>) {
  let read = Buffer.alloc(0)
  for (;;) {
    const end = read.indexOf('\r\n\r\n')
    if (end >= 0) {
      output.unshift(read.subarray(end + 4))
      return parseHead(read.subarray(0, end).toString('latin1'))
    }
    if (read.length > MOST_HEAD_BYTES) throw await failure()
    const chunk = output.read() as Buffer | null
    if (chunk) read = Buffer.concat([read, chunk])
    else if (output.readableEnded || output.destroyed) throw await failure()
    else {
      await new Promise<void>((done) => {
        const go = () => {
          for (const event of ['readable', 'end', 'close', 'error']) output.off(event, go)
          done()
        }
        for (const event of ['readable', 'end', 'close', 'error']) output.on(event, go)
      })
    }
  }
}

function parseHead(text: string): { status: number; headers: Record<string, string> } {
  const headers: Record<string, string> = {}
  let status = 200
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':')
    const [name, value] = [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    if (name === 'status') status = Number(value.slice(0, 3)) || 500
    else if (colon > 0) headers[name] = value
  }
  return { status, headers }
}
