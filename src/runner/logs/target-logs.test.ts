import { mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openSegments } from '../shim/segments.ts'
import { openTargetLogs } from './target-logs.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tow-target-logs-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('of instances that ended the newest 500 are kept, and every one that lives', () => {
  const names = Array.from({ length: 510 }, (_, n) => `1~web~web.1-${String(n).padStart(6, '0')}`)
  for (const [age, name] of names.entries()) {
    const writer = openSegments(`${folder}/${name}`, { segmentBytes: 1000, totalBytes: 1000 })
    writer.append('o', ['crashed'])
    writer.close()
    utimesSync(`${folder}/${name}/000000000000000.log`, age + 1, age + 1)
  }
  const logs = openTargetLogs(folder)
  logs.collect(new Set(['web.1-000000']))
  expect(readdirSync(folder).sort()).toEqual([names[0], ...names.slice(10)])
  expect(logs.lastLines('web.1-000000')).toEqual(['crashed'])
  logs.close()
})
