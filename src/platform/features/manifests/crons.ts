import { Cron } from 'croner'

/** What is wrong with a schedule or a time zone, named by its key; null when nothing is. */
export function cronProblem(
  schedule: string,
  timezone: string,
): { key: 'schedule' | 'timezone'; message: string } | null {
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone })
  } catch {
    return {
      key: 'timezone',
      message: `timezone is "${timezone}": an IANA name such as Europe/Berlin is expected`,
    }
  }
  const fields = schedule.trim().split(/\s+/)
  try {
    if (fields.length !== 5) throw new Error('five fields are expected')
    new Cron(schedule, { paused: true, timezone })
    return null
  } catch {
    return {
      key: 'schedule',
      message: `schedule is "${schedule}": five fields are expected, e.g. "0 3 * * *"`,
    }
  }
}
