/** Every bound of the router; times in milliseconds, sizes in bytes. 0 switches a bound off where that makes sense. */
export interface Limits {
  /** All header lines of a request together; beyond: 431. */
  headerBytes: number
  /** How long a request's head may take to arrive; beyond: 408. */
  headMs: number
  /** A request's body; beyond: 413. 0: none. */
  bodyBytes: number
  /** How long nothing at all of a body may arrive while it is wanted; beyond: 408. 0: none. */
  bodyIdleMs: number
  /** How long a connection of a client may idle between two requests. */
  clientIdleMs: number
  /** Connections of clients per listener; beyond: refused. */
  connections: number
  /** How long connecting to an app may take; beyond: the next place, then 504. */
  connectMs: number
  /** How long an app may take until the head of its answer; beyond: 504. 0: none. Streams are never cut by it. */
  answerMs: number
  /** How long a client may take nothing at all of an answer that waits for it. 0: none. */
  stalledMs: number
  /** How long a request may wait for a set to come up; beyond: 503. */
  holdMs: number
  /** How many requests of one service may wait at once; beyond: 503. */
  holdRequests: number
  /** How long `drain` waits for ordinary requests, unless told otherwise. */
  drainMs: number
  /** How long event streams and upgraded connections may go on once their endpoint drains. */
  drainStreamsMs: number
}

export const DEFAULT_LIMITS: Limits = {
  headerBytes: 32 * 1024,
  headMs: 20_000,
  bodyBytes: 5 * 1024 ** 3,
  bodyIdleMs: 60_000,
  clientIdleMs: 75_000,
  connections: 20_000,
  connectMs: 5_000,
  answerMs: 300_000,
  stalledMs: 300_000,
  holdMs: 30_000,
  holdRequests: 1_000,
  drainMs: 60_000,
  drainStreamsMs: 5_000,
}
