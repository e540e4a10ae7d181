/** What becomes of lines that come faster than they may be kept. */
export interface LogPolicy {
  kind: 'block' | 'drop'
  bytesPerSecond: number
  /** May come at once. */
  burstBytes: number
}

/** What the runner tells a shim over stdin, and the files by which the shim answers. Types and names alone. */
export interface ShimSpec {
  /** Of this process; holds claim, state.json and exit.json. */
  folder: string
  logFolder: string | null
  /** Null keeps everything, as fast as it comes. */
  logPolicy: LogPolicy | null
  command: string
  cwd: string
  env: Record<string, string>
  uid: number | null
  gid: number | null
  graceSeconds: number
  /** Seconds until the command is ended; null for never. */
  timeoutSeconds: number | null
  tty: { columns: number; rows: number } | null
  /** Whether it reads an attached client's input; else its input is empty. */
  stdin: boolean
  /** Unix socket on which clients attach; null where nobody can. */
  attachSocket: string | null
  /** Control group folders that hold the process. */
  controlGroups: string[]
  /** Added to the niceness; 0 for none. */
  nice: number
  segmentBytes: number
  totalBytes: number
  /** SIGUSR2 starts the command anew, and one that ends by itself waits for that: the shim lives on. */
  inPlace: boolean
  /** In place: what the environment of a life holds that is begun before its turn; null where none may be. */
  ahead: Record<string, string> | null
}

/** The descriptor on which a life that was begun before its turn hears the line `go`, and tells that it has begun. */
export const AHEAD_CHANNEL = 3
export const AHEAD_WORD = 'go'

export interface ProcessIdentity {
  pid: number
  /** Tells a process from a later one that was given the same pid; empty when it had ended before it was looked at. */
  start: string
}

/** state.json: the app was started. */
export interface ShimState {
  shim: ProcessIdentity
  app: ProcessIdentity
  at: number
  /** Set where the command has ended and waits to be started anew. */
  ended?: Pick<ShimExit, 'code' | 'signal' | 'at'>
}

/** exit.json: how it ended, written by rename when it and its whole group are gone. */
export interface ShimExit {
  code: number | null
  signal: string | null
  at: number
  /** Set when it was the shim that ended it, or when it could not be started. */
  reason?: 'timeout' | 'start-failed'
  message?: string
  /** Lines that could not be written. */
  linesLost?: number
}

/** Whoever creates this file decides whether the app is started: the shim, or a runner that gave up on the shim. */
export const CLAIM = 'claim'
export const STATE = 'state.json'
export const EXIT = 'exit.json'

/** The app as the shim sees it, whether it has pipes or a terminal. */
export interface Child {
  pid: number
  write(data: Uint8Array): void
  end(): void
  resize(columns: number, rows: number): void
  pause(): void
  resume(): void
}

export interface ChildHandlers {
  started(child: Child): void
  output(stream: 'o' | 'e', data: Buffer): void
  exited(code: number | null, signal: string | null): void
  /** Its output has ended too. */
  closed(): void
  failed(error: Error): void
}
