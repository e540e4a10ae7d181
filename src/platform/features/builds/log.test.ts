import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { type BuildLogs, createBuildLogs } from './log.ts'

let folder: string
let logs: BuildLogs
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tow-log-'))
  logs = createBuildLogs(folder, 1000)
  return () => rm(folder, { recursive: true, force: true })
})

test('a log that is full says so, and still tells the last lines', async () => {
  const output = logs.open('b_1', {})
  for (let line = 0; line < 500; line += 1) output.write(`line ${line}\n`)
  expect(output.lastLines().at(-1)).toBe('line 499')
  output.close()
  const { text, truncated } = await logs.read('b_1')
  expect(truncated).toBe(true)
  expect(text).toMatch(/^line 0\nline 1\n/)
  expect(text).toContain('[the log is full')
  expect((await stat(join(folder, 'b_1.log'))).size).toBeLessThan(1100)
})

test('reading in pieces gives exactly what was written, also with characters of several bytes', async () => {
  logs = createBuildLogs(folder)
  const output = logs.open('b_1', {})
  const whole = '…ä€𝄞'.repeat(20_000)
  output.write(whole)
  output.close()
  let read = ''
  for (let offset = 0; ; ) {
    const piece = await logs.readFrom('b_1', offset)
    if (piece.text === '') break
    read += piece.text
    offset = piece.offset
  }
  expect(read === whole).toBe(true)
})

test('whoever waits is told of growth until they leave', () => {
  let told = 0
  const leave = logs.onGrowth('b_1', () => {
    told += 1
  })
  const output = logs.open('b_1', {})
  output.write('one\n')
  expect(told).toBe(1)
  leave()
  output.write('two\n')
  output.close()
  expect(told).toBe(1)
})
