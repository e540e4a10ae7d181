/**
 * How a command is run so that a debugger can attach, on the port in `TOW_DEBUG_PORT`. What the language has for it is
 * looked for where the command runs, and where it is missing the command runs without, and says so. Pure.
 */
import type { Artifact, RunSpec } from '../../../api/app-spec.ts'
import type { Debugger, LiveApp } from '../../../api/spaces.ts'

/** A command that names it starts a debugger of its own there. */
const PORT = 'TOW_DEBUG_PORT'

/**
 * What is loaded first in every Node process of the command. `--inspect` itself would be taken by whichever comes first,
 * e.g. npm, and once there is one, processes that it starts would fail to get the same port.
 */
const NODE_PRELOAD = `import{open}from'node:inspector';import{isMainThread}from'node:worker_threads';
const{TOW_DEBUG_PORT:port}=process.env,starter=/(?:^|[\\\\/])(?:npm|npx|pnpm|pnpx|yarn|corepack|nodemon|tsx|next)(?:-cli)?(?:\\.[cm]?js)?$/;
if(port&&isMainThread&&!starter.test(process.argv[1]??'')){delete process.env.TOW_DEBUG_PORT;open(Number(port),'127.0.0.1')}`

/** Modules behind commands that Python installs. */
const PYTHON_MODULES: Record<string, string> = {
  ...{ uvicorn: 'uvicorn', gunicorn: 'gunicorn', hypercorn: 'hypercorn', flask: 'flask' },
  ...{ fastapi: 'fastapi', daphne: 'daphne', celery: 'celery', 'waitress-serve': 'waitress' },
}

/** Its adapter is a process apart that leaves the session, and keeps the port for a moment after a restart. */
const DEBUGPY_CAN_LISTEN = `
import debugpy, os, socket, time
for turn in range(100):
    try:
        socket.create_server(('127.0.0.1', int(os.environ['${PORT}']))).close()
        break
    except OSError:
        time.sleep(0.05)
else:
    raise SystemExit(1)`

const SPEAKS: Partial<Record<Artifact['runtime']['name'], Debugger>> = {
  ...{ node: 'node', python: 'python', ruby: 'ruby' },
}

/** The command to run instead; null where nobody knows how to debug it. */
export function debugged(command: string, runtime: string): string | null {
  if (command.includes(PORT)) return command
  if (runtime === 'node') return nodeDebugged(command)
  if (runtime === 'python') return pythonDebugged(command)
  return runtime === 'ruby' ? rubyDebugged(command) : null
}

function nodeDebugged(command: string): string {
  const options = `--inspect-publish-uid=http --import=data:text/javascript,${encodeURIComponent(NODE_PRELOAD)}`
  return `export NODE_OPTIONS="$NODE_OPTIONS ${options}"; ${command}`
}

function pythonDebugged(command: string): string | null {
  const [, start = '', word = '', rest = ''] =
    /^\s*((?:[\w./-]+\s+run\s+)?)([\w./-]+)\s*([^;&|]*)$/.exec(command) ?? []
  const name = word.slice(word.lastIndexOf('/') + 1)
  const listen = `-m debugpy --listen "127.0.0.1:$${PORT}"`
  const module = PYTHON_MODULES[name]
  const isPython = /^python[\d.]*$/.test(name)
  const python = isPython ? word : 'python'
  const [, flags = '', program = ''] = /^((?:-[bBdEiIOPqsSuvx]+\s+)*)(.*)$/.exec(rest) ?? []
  if (!isPython && module === undefined) return null
  const instead = isPython
    ? `${start}${python} ${flags}${listen} ${program}`
    : `${start}${python} ${listen} -m ${module} ${rest}`
  return guarded(`${start}${python} -c "${DEBUGPY_CAN_LISTEN}"`, `exec ${instead}`, 'debugpy', command)
}

function rubyDebugged(command: string): string {
  const ruby = /^\s*bundle\s+exec\s/.test(command) ? 'bundle exec ruby' : 'ruby'
  const set = `export RUBY_DEBUG_HOST=127.0.0.1 RUBY_DEBUG_PORT="$${PORT}" RUBYOPT="-rdebug/open_nonstop $RUBYOPT"`
  return guarded(`${ruby} -e "require 'debug/version'"`, `${set}; ${command}`, 'the gem debug', command)
}

function guarded(check: string, instead: string, what: string, command: string): string {
  const missing = `no debugger can attach: ${what} is not among the packages of the app, or its port is taken`
  return `if ${check} 2>/dev/null; then ${instead}; else echo "${missing}" >&2; ${command}; fi`
}

interface Debugged {
  /** By process, of those that a debugger can attach to. */
  commands: Record<string, string>
  /** Processes that run without. */
  without: string[]
  debugger: Debugger | null
}

/** Null where nobody asked for it. */
export function debuggedProcesses(
  run: Pick<RunSpec, 'processes'>,
  live: LiveApp | null,
  runtime: Artifact['runtime']['name'],
): Debugged | null {
  if (!live?.debug) return null
  const commands: Record<string, string> = {}
  const without: string[] = []
  for (const [name, { command: own }] of Object.entries(run.processes)) {
    const command = debugged(live.commands[name] ?? own, runtime)
    if (command === null) without.push(name)
    else commands[name] = command
  }
  const speaks = SPEAKS[runtime] ?? 'other'
  return { commands, without, debugger: Object.keys(commands).length > 0 ? speaks : null }
}
