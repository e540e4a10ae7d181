/**
 * Which lines a query asks for, the same on every engine: engines filter where they read, so that only what matches
 * travels. Expressions are RE2's, matched in time that grows with the text alone: nobody's pattern can hold up a server.
 */
import { TowError } from '../api/errors.ts'
import { openLogCursor } from '../api/log-cursor.ts'
import type { LogLine, LogQuery } from '../api/logs.ts'

export type LineFilter = (line: LogLine) => boolean

/** BAD_INPUT where the expression can't be read. Lines that tell of missing ones match every text. */
export async function lineFilter(query: LogQuery): Promise<LineFilter> {
  const since = query.since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(query.since)
  const until = query.until === undefined ? Number.POSITIVE_INFINITY : Date.parse(query.until)
  const cursor = query.after === undefined ? null : openLogCursor(query.after)
  const matches = await textMatcher(query.grep)
  return (line) => {
    if (query.process !== undefined && line.process !== query.process) return false
    if (query.release !== undefined && line.release !== query.release) return false
    if (cursor !== null && !cursor.isAhead(line.id)) return false
    const at = Date.parse(line.at)
    if (at < since || at > until) return false
    return line.missing !== undefined || matches(line.text)
  }
}

async function textMatcher(grep: string | undefined): Promise<(text: string) => boolean> {
  if (grep === undefined) return () => true
  const [, expression, flags] = /^\/(.+)\/(i?)$/s.exec(grep) ?? []
  if (expression === undefined) return (text) => text.includes(grep)
  const { RE2JS } = await import('re2js')
  try {
    const compiled = RE2JS.compile(expression, flags === 'i' ? RE2JS.CASE_INSENSITIVE : 0)
    return (text) => compiled.test(text)
  } catch (cause) {
    const why = (cause as Error).message.replace(/^error parsing regexp: /, '')
    throw new TowError('BAD_INPUT', `the expression ${grep} can't be read: ${why}`, {
      hint: 'it is RE2’s syntax, without look-around and back-references; text without slashes is searched as it is',
      cause,
    })
  }
}
