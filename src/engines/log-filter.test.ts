import { expect, test } from 'vitest'
import { type LogLine, LogQuery } from '../api/logs.ts'
import { lineFilter } from './log-filter.ts'

const line = (text: string, more: Partial<LogLine> = {}): LogLine => ({
  ...{
    id: '0000000005000-web.1-000000000001',
    at: '1970-01-01T00:00:05.000Z',
    app: 'a',
    environment: 'stage',
  },
  ...{ release: 1, process: 'web', instance: 'web.1', stream: 'stdout', text },
  ...more,
})
const filter = (query: Partial<LogQuery>) => lineFilter(LogQuery.parse(query))

test('plain text is searched as it is, and an expression between slashes by RE2’s rules', async () => {
  const plain = await filter({ grep: 'a.c' })
  expect([plain(line('xa.cx')), plain(line('abc')), plain(line('A.C'))]).toEqual([true, false, false])
  const expression = await filter({ grep: '/status=5\\d\\d$/' })
  expect([expression(line('GET / status=503')), expression(line('status=503 slow'))]).toEqual([true, false])
  const insensitive = await filter({ grep: '/error|warn/i' })
  expect([insensitive(line('WARNING')), insensitive(line('fine'))]).toEqual([true, false])
})

test('a pattern that would never end elsewhere is matched in time that grows with the text alone', async () => {
  const evil = await filter({ grep: '/^(a+)+$/' })
  expect(evil(line(`${'a'.repeat(65_000)}b`))).toBe(false)
})

test('an expression that can’t be read is refused with the reason', async () => {
  await expect(filter({ grep: '/(unclosed/' })).rejects.toMatchObject({
    code: 'BAD_INPUT',
    message: expect.stringContaining('missing closing )'),
  })
  await expect(filter({ grep: '/(?=ahead)/' })).rejects.toMatchObject({ code: 'BAD_INPUT' })
})

test('process, release and time narrow it down, and what is missing is told whatever the text', async () => {
  const all = await filter({ process: 'web', release: 1, grep: 'x' })
  expect(all(line('x'))).toBe(true)
  expect(all(line('x', { process: 'worker' }))).toBe(false)
  expect(all(line('x', { release: 2 }))).toBe(false)
  expect(all(line('9 lines are missing here', { stream: 'platform', missing: 9 }))).toBe(true)
  const timed = await filter({ since: '1970-01-01T00:00:05.001Z' })
  expect(timed(line('x'))).toBe(false)
  const until = await filter({ until: '1970-01-01T00:00:05.000Z' })
  expect([until(line('x')), until(line('x', { at: '1970-01-01T00:00:05.001Z' }))]).toEqual([true, false])
})
