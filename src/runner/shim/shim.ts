/**
 * The shim: one tiny process beside each app process. It starts the app in a session of its own, keeps what it writes,
 * and writes down how it ended, so that all of that survives the death of the runner. It decides nothing: no restarts
 * that nobody asked for, no health, no network but the socket on which a terminal attaches. It imports almost nothing, to stay small.
 */
import type { ChildProcess } from 'node:child_process'
import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { setPriority } from 'node:os'
import { startOf, statFields } from './identity.ts'
import { openIntake } from './intake.ts'
import { beginAhead, goOn, startWithPipes, stillWaits } from './pipes.ts'
import { openSegments } from './segments.ts'
import {
  type Child,
  type ChildHandlers,
  CLAIM,
  EXIT,
  type ShimExit,
  type ShimSpec,
  type ShimState,
  STATE,
} from './spec.ts'

const spec: ShimSpec = JSON.parse(readFileSync(0, 'utf8'))
let stopping = false
let exit: ShimExit | null = null
let endReason: ShimExit['reason']
let child: Child | null = null
let outputClosed = false
let done = false
/** Counts the starts of the command. */
let life = 0
/** It is to be started once more as soon as it has ended. */
let again = false
let patience: NodeJS.Timeout | undefined
let rest: NodeJS.Timeout | undefined
let present: ShimState | null = null
/** The next life, waiting for its turn. */
let ahead: ChildProcess | null = null

/** Milliseconds that a command has to end before it is started anew: somebody waits to see what they changed. */
const IN_PLACE_PATIENCE = 2000
/** A life has come up by then as a rule, and is not disturbed by the next one that starts. */
const AHEAD_AFTER = 300

// Held for as long as the process lives: whoever has the claim may start the app, and only once.
closeSync(openSync(`${spec.folder}/${CLAIM}`, 'wx', 0o600))
const log = spec.logFolder === null ? null : openSegments(spec.logFolder, spec)
const intake =
  log === null
    ? null
    : openIntake({
        log,
        policy: spec.logPolicy,
        pause: () => child?.pause(),
        resume: () => child?.resume(),
        now: () => performance.now(),
      })
const attach =
  spec.attachSocket === null
    ? null
    : (await import('./attach.ts')).serveAttach(spec.attachSocket, spec.stdin || spec.tty !== null, onSignal)

process.on('SIGTERM', stop)
process.on('SIGINT', () => {})
process.on('SIGHUP', () => {})
if (spec.inPlace) process.on('SIGUSR2', restart)
const start = spec.tty ? (await import('./terminal.ts')).startInTerminal : startWithPipes
begin()

function begin(): void {
  const mine = ++life
  clearTimeout(patience)
  clearInterval(rest)
  again = false
  exit = null
  outputClosed = false
  const handlers: ChildHandlers = {
    started,
    output(stream, data) {
      intake?.take(stream, data)
      attach?.output(stream, data)
    },
    exited(code, signal) {
      exit = { code, signal, at: Date.now(), ...(endReason ? { reason: endReason } : {}) }
      if (!stopping) signalGroup(again ? 'SIGKILL' : 'SIGTERM')
      if (spec.inPlace && !stopping) betweenLives(performance.now() + 3000)
      else awaitGroup(performance.now() + (stopping ? spec.graceSeconds * 1000 : 3000))
    },
    closed: () => {
      if (mine === life) outputClosed = true
    },
    failed(error) {
      exit = { code: null, signal: null, at: Date.now(), reason: 'start-failed', message: error.message }
      finish()
    },
  }
  const next = ahead
  ahead = null
  if (next && stillWaits(next)) {
    goOn(next, handlers, () => {
      again = true
    })
    return
  }
  joinControlGroups(spec.controlGroups)
  start(spec, handlers)
}

function prepareNext(after: number): void {
  if (after !== life || child === null || exit !== null || again || stopping || ahead) return
  joinControlGroups(spec.controlGroups)
  ahead = beginAhead(spec)
  leaveControlGroups(spec.controlGroups)
  attempt(() => setPriority(ahead!.pid!, spec.nice))
}

/** Another start is due at once, or once the command that runs has ended. */
function restart(): void {
  if (stopping || done || again) return
  if (child === null) {
    if (exit) begin()
    return
  }
  again = true
  signalGroup('SIGTERM')
  patience = setTimeout(() => signalGroup('SIGKILL'), IN_PLACE_PATIENCE)
}

/** The command has ended. Nothing of it may be left that would hold a port or write on. */
function betweenLives(deadline: number): void {
  if (stopping) {
    awaitGroup(deadline)
    return
  }
  if (groupLives()) {
    if (performance.now() >= deadline) signalGroup('SIGKILL')
    setTimeout(() => betweenLives(deadline), 2)
    return
  }
  const { code, signal, at } = exit!
  const state = { ...present!, ended: { code, signal, at } }
  child = null
  if (again) {
    begin()
    return
  }
  writeWhole(STATE, JSON.stringify(state), false)
  // Nothing else keeps a process of Node alive that has no child.
  rest = setInterval(() => {}, 2 ** 30)
  const how = signal ? `was ended by ${signal}` : `ended with ${code}`
  intake?.take('e', Buffer.from(`[tow] it ${how}, and starts again with the next change\n`))
}

function started(app: Child): void {
  child = app
  leaveControlGroups(spec.controlGroups)
  if (spec.nice > 0) setPriority(app.pid, spec.nice)
  const state: ShimState = {
    shim: { pid: process.pid, start: startOf(process.pid) ?? '' },
    app: { pid: app.pid, start: startOf(app.pid) ?? '' },
    at: Date.now(),
  }
  present = state
  if (spec.ahead) setTimeout(prepareNext, AHEAD_AFTER, life)
  writeWhole(STATE, JSON.stringify(state), false)
  // The runner that started us may be gone already.
  if (life === 1) attempt(() => writeSync(1, `${JSON.stringify(state)}\n`))
  attach?.connect(app)
  if (spec.timeoutSeconds !== null) {
    setTimeout(() => {
      endReason = 'timeout'
      stop()
    }, spec.timeoutSeconds * 1000).unref()
  }
}

function onSignal(name: NodeJS.Signals): void {
  if (name === 'SIGTERM') stop()
  else signalGroup(name)
}

function stop(): void {
  if (stopping) return
  stopping = true
  ahead?.kill('SIGKILL')
  // It waits for another start, which is not to come.
  if (child === null && exit !== null) {
    finish()
    return
  }
  signalGroup('SIGTERM')
  // A shell in a terminal ignores SIGTERM; hanging up is how a terminal ends it.
  if (spec.tty) signalGroup('SIGHUP')
  setTimeout(() => signalGroup('SIGKILL'), spec.graceSeconds * 1000)
}

function signalGroup(signal: NodeJS.Signals): void {
  if (child) attempt(() => process.kill(-child!.pid, signal))
}

/** What has ended and only waits for its parent to notice counts as gone: init may take its time. */
function groupLives(): boolean {
  try {
    process.kill(-child!.pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  if (process.platform !== 'linux') return true
  return readdirSync('/proc').some((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      const [state, , group] = statFields(readFileSync(`/proc/${pid}/stat`, 'latin1'))
      return Number(group) === child!.pid && state !== 'Z'
    } catch {
      return false
    }
  })
}

/**
 * The leader is gone; what it started must go as well, and what they wrote must be read to its end. By the steady
 * clock, as every span of time here: the other one may be set meanwhile.
 */
function awaitGroup(deadline: number): void {
  if (groupLives()) {
    if (performance.now() >= deadline) signalGroup('SIGKILL')
    setTimeout(() => awaitGroup(deadline), 25)
  } else if (outputClosed) finish()
  // A process that left the group may hold our pipe for ever.
  else
    setTimeout(
      () => (outputClosed || performance.now() > deadline + 500 ? finish() : awaitGroup(deadline)),
      10,
    )
}

function finish(): void {
  if (done) return
  // What limits them can go once nothing runs in it any more.
  if (ahead && stillWaits(ahead)) {
    ahead.once('exit', finish).kill('SIGKILL')
    return
  }
  done = true
  const linesLost = intake?.end() ?? 0
  log?.close()
  const record = JSON.stringify({ ...exit, ...(linesLost > 0 ? { linesLost } : {}) })
  const retryUntil = performance.now() + 600_000
  const write = () => {
    try {
      writeWhole(EXIT, record, true)
    } catch (error) {
      // A full disk: the exit is worth waiting for space. A folder that is gone: nobody will ever read it.
      const gone = (error as NodeJS.ErrnoException).code === 'ENOENT'
      if (!gone && performance.now() < retryUntil) return void setTimeout(write, 1000)
    }
    if (attach) attach.close(() => process.exit(0))
    else process.exit(0)
  }
  write()
}

function writeWhole(name: string, text: string, durable: boolean): void {
  const path = `${spec.folder}/${name}`
  const descriptor = openSync(`${path}.new`, 'w', 0o600)
  writeFileSync(descriptor, text)
  if (durable) fsyncSync(descriptor)
  closeSync(descriptor)
  renameSync(`${path}.new`, path)
}

/** The shim joins first, so that the app is born inside and no child of its can slip out; then the shim leaves. */
function joinControlGroups(folders: string[]): void {
  for (const folder of folders) attempt(() => writeFileSync(`${folder}/cgroup.procs`, String(process.pid)))
}

function leaveControlGroups(folders: string[]): void {
  for (const folder of folders) {
    attempt(() => writeFileSync(`${folder}/../shims/cgroup.procs`, String(process.pid)))
  }
}

function attempt(action: () => unknown): void {
  try {
    action()
  } catch {}
}
