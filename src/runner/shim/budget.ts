/** How much may be kept at a time: a bucket of credit in bytes that fills steadily. Imports nothing. */
export interface Budget {
  /** In bytes; below nothing where more was spent than there was. */
  credit(): number
  spend(bytes: number): void
  /** Milliseconds until there is that much. */
  until(credit: number): number
}

/** `now` in milliseconds, never going back. */
export function createBudget(
  { bytesPerSecond, burstBytes }: { bytesPerSecond: number; burstBytes: number },
  now: () => number,
): Budget {
  let credit = burstBytes
  let at = now()

  function fill(): number {
    const time = now()
    credit = Math.min(burstBytes, credit + ((time - at) * bytesPerSecond) / 1000)
    at = time
    return credit
  }

  return {
    credit: fill,
    spend(bytes) {
      credit = fill() - bytes
    },
    until: (wanted) => Math.max(0, ((wanted - fill()) * 1000) / bytesPerSecond),
  }
}
