/** Time as data, so that tests can hold it still. */
export interface Clock {
  now(): Date
  /**
   * Milliseconds that grow by the time that passes and by nothing else, for what must not end because somebody sets
   * the clock; comparable with `now` of the same start. Without it, `now` itself.
   */
  steady?(): number
}

export const systemClock: Clock = {
  now: () => new Date(),
  steady: () => performance.timeOrigin + performance.now(),
}

export function steadyNow({ now, steady }: Clock): number {
  return steady?.() ?? now().getTime()
}
