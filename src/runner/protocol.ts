/**
 * The door of the runner: everything that others may use of it. The engine speaks HTTP over a unix socket to it and
 * shares no state; what is behind the socket survives whoever speaks to it.
 */

export { ROUTER_FLAGS as RUNNER_FLAGS } from '../router/flags.ts'
export { limitsHere } from './cgroups.ts'
export { connectRunner, type RunnerClient } from './client.ts'
export { endLeftovers } from './leftovers.ts'
export { isLocked } from './lock.ts'
export { readLogs } from './logs/reader.ts'
export { pathsOf } from './paths.ts'
export type { Desired, PreparedSet } from './shapes.ts'
export { createFrameReader, encodeFrame, FRAME } from './shim/frames.ts'
export { nameOf } from './words.ts'
