/** The small Node app that is saved again and again, and whoever asks it meanwhile. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Visit } from '../../test/dev-session.ts'

export const SAVES = 30
const SERVER = `import { createServer } from 'node:http'
import { text } from './text.js'
console.log('begins')
createServer((_, response) => response.end(text)).listen(process.env.PORT)
process.on('SIGTERM', () => process.exit(0))
`

export const save = (folder: string, text: string) =>
  writeFileSync(join(folder, 'text.js'), `export const text = '${text}'\n`)

export function makeApp(folder: string): void {
  mkdirSync(folder)
  const manifest = { name: 'hello', type: 'module', scripts: { start: 'node server.js' } }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(folder, 'server.js'), SERVER)
  save(folder, 'text 0')
}

/** A save every half second: as quick as a person is, and every watcher has come to rest. */
export async function eachSave(folder: string, use: (text: string) => Promise<void>): Promise<void> {
  for (let at = 1; at <= SAVES; at++) {
    await delay(500)
    save(folder, `text ${at}`)
    await use(`text ${at}`)
  }
}

/** Asks all the time; answers with what became of it. */
export function askAlways(visit: Visit): () => Promise<{ asked: number; failed: number }> {
  const counts = { asked: 0, failed: 0 }
  let stop = false
  const load = (async () => {
    for (; !stop; await delay(5)) {
      counts.asked++
      const answer = await visit().catch(() => ({ status: 0 }))
      if (answer.status !== 200) counts.failed++
    }
  })()
  return async () => {
    stop = true
    await load
    return counts
  }
}

/** Milliseconds of all phases. */
export const sum = (phases: Record<string, number>) =>
  Object.values(phases).reduce((total, one) => total + one, 0)
