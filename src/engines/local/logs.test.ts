/** The log of a real process while runner, shim and reader are killed at random moments. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { SEED } from '../../../test/seed.ts'
import { openLogCursor } from '../../api/log-cursor.ts'
import { type LogLine, LogQuery } from '../../api/logs.ts'
import { createSampleContent, sampleArtifact, sampleSet, webProcess, wholly } from '../conformance/sample.ts'
import type { Observation } from '../engine.ts'
import { createTestEngine, type TestEngine } from './testing.ts'

const target = { app: 'talker', environment: 'stage' }
let folder: string
let content: ReturnType<typeof createSampleContent>
let tested: TestEngine

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tow-logs-'))
  content = createSampleContent(join(folder, 'blobs'))
  tested = createTestEngine(content)
})
afterEach(async () => {
  await tested.dispose()
  rmSync(folder, { recursive: true, force: true })
})

async function until(reached: (seen: Observation) => boolean): Promise<void> {
  for await (const seen of tested.engine.watch(target, AbortSignal.timeout(30_000))) if (reached(seen)) return
  throw new Error('it never came to that')
}

async function runs(command: string, logs?: 'block' | 'drop'): Promise<void> {
  const process = { ...webProcess({ command }), ...(logs ? { logs } : {}) }
  const set = sampleSet(await sampleArtifact(content), 1, { processes: { talker: process } })
  await tested.engine.apply(target, 1, wholly(set))
  await until((seen) => seen.generation === 1 && seen.settled)
}

/** About 1.5 MB a second, so that files rotate while the test goes on. */
const TALKER = `node -e "let i = 0; setInterval(() => { let t = ''; for (let k = 0; k < 60; k++) t += 'line ' + i++ + ' ' + 'x'.repeat(120) + '\\n'; process.stdout.write(t) }, 5)"`

test('a follower that is broken off at random goes on after its cursor with every line once, while runners and shims are killed', async () => {
  let state = SEED % 2_147_483_648
  const random = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((state / 2_147_483_648) * below)
  }
  await runs(TALKER, 'block')
  const seen: LogLine[] = []
  let cursor = openLogCursor()
  let over = false
  let breaks = 0
  let stop = new AbortController()
  const following = (async () => {
    while (!over) {
      stop = new AbortController()
      const query = LogQuery.parse({
        ...{ follow: true, lines: 100_000, process: 'talker' },
        ...(cursor.text() === '' ? {} : { after: cursor.text() }),
      })
      for await (const line of tested.engine.logs(target, query, stop.signal)) {
        seen.push(line)
        cursor.pass(line.id)
      }
      // What a reader that died would have left.
      cursor = openLogCursor(cursor.text())
      breaks++
    }
  })()
  for (const victim of ['runner', 'reader', 'shim', 'reader', 'runner', 'reader', 'shim', 'reader']) {
    const enough = seen.length + 2000 + random(4000)
    while (seen.length < enough) await delay(5)
    if (victim === 'reader') stop.abort()
    else process.kill(victim === 'runner' ? runnerPid() : shimPid(), 'SIGKILL')
  }
  const enough = seen.length + 5000
  while (seen.length < enough) await delay(5)
  over = true
  stop.abort()
  await following
  expect(breaks).toBeGreaterThanOrEqual(5)

  const talked = seen.filter(({ stream }) => stream === 'stdout')
  const instances = [...new Set(talked.map(({ instance }) => instance))]
  expect(instances.length).toBeGreaterThanOrEqual(3)
  for (const instance of instances) {
    const numbers = talked
      .filter((line) => line.instance === instance)
      .map(({ text }) => Number(text.split(' ')[1]))
    expect(firstWrong(numbers)).toBeNull()
  }
  const ids = seen.map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
  const folders = readdirSync(`${tested.home}/logs/stage.talker`).map((name) =>
    readdirSync(`${tested.home}/logs/stage.talker/${name}`),
  )
  expect(folders.some((names) => names.length > 1)).toBe(true)
}, 120_000)

test.each(['drop', 'block'] as const)(
  'a flood under the policy %s: every line is told or counted',
  async (policy) => {
    const lines = 400_000
    const flood = `node -e "const fs = require('node:fs'); const pad = 'x'.repeat(90); let text = ''; for (let i = 0; i < ${lines}; i++) { text += 'line ' + i + ' ' + pad + '\\n'; if (text.length > 60000) { fs.writeSync(1, text); text = '' } } fs.writeSync(1, text + 'the end\\n'); setInterval(() => {}, 1000)"`
    const stop = new AbortController()
    const patience = setTimeout(() => stop.abort(), 60_000)
    const query = LogQuery.parse({ follow: true, lines: 0 })
    let own = 0
    let missing = 0
    const said: LogLine[] = []
    const following = (async () => {
      for await (const line of tested.engine.logs(target, query, stop.signal)) {
        if (line.stream === 'stdout') own++
        else said.push(line)
        missing += line.missing ?? 0
        if (own + missing > lines) stop.abort()
      }
    })()
    await runs(flood, policy)
    await following
    clearTimeout(patience)
    expect(own + missing).toBe(lines + 1)
    // How much of it was too fast is this machine's affair; the limits themselves are tested beside the shim.
    if (policy === 'block')
      expect(said.map(({ text }) => text).filter((text) => text.includes('drop'))).toEqual([])
  },
  90_000,
)

function firstWrong(numbers: number[]): number | null {
  const at = numbers.findIndex((number, index) => number !== index)
  return at === -1 ? null : at
}

function runnerPid(): number {
  return JSON.parse(readFileSync(`${tested.home}/run/runner.lock`, 'utf8')).pid
}

function shimPid(): number {
  const processes = `${tested.home}/state/processes`
  for (const id of readdirSync(processes)) {
    try {
      return JSON.parse(readFileSync(`${processes}/${id}/state.json`, 'utf8')).shim.pid
    } catch {}
  }
  throw new Error('no shim')
}
