/** What every receiver answers: taken, taken but for some lines, or a failure after which the same is sent again. */
import type { LogLine } from '../../../api/logs.ts'

export interface Taken {
  /** Lines that the receiver would not have, and will not have the next time either. */
  refused: number
}

/** Settles when the receiver has the lines. Throws SendFailure, or whatever broke, where it may not have them. */
export type Send = (lines: readonly LogLine[], signal: AbortSignal) => Promise<Taken>

export class SendFailure extends Error {
  /** Milliseconds after which the receiver wants to be asked again; null where it did not say. */
  readonly after: number | null
  constructor(message: string, after: number | null = null) {
    super(message)
    this.after = after
  }
}

export const ANSWER_WITHIN = 30_000
