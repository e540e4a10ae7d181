/**
 * A one-line change of a small Node app with an unchanged lockfile: from `tow ship` to the new text served, beside
 * the app's own boot (`node server.js` until it answers).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { App } from '../src/api/apps.ts'
import { newPerson } from '../test/tow.ts'
import { printFigures } from './figures.ts'

const RUNS = 10
const person = await newPerson()
const folder = join(person.folder, 'hello')
await mkdir(folder)

const server = (text: string) => `
import { createServer } from 'node:http'
createServer((request, response) => response.end('${text}')).listen(process.env.PORT)
process.on('SIGTERM', () => process.exit(0))
`
await writeFile(
  join(folder, 'package.json'),
  JSON.stringify({ name: 'hello', type: 'module', scripts: { start: 'node server.js' } }),
)
await writeFile(join(folder, 'server.js'), server('text 0'))

async function untilServed(url: string, text: string): Promise<void> {
  for (;;) {
    const served = await fetch(url).then(
      (answer) => answer.text(),
      () => '',
    )
    if (served === text) return
    await sleep(2)
  }
}

async function boot(port: number): Promise<number> {
  const begin = performance.now()
  const child: ChildProcess = spawn('node', ['server.js'], {
    cwd: folder,
    env: { ...process.env, PORT: String(port) },
  })
  await untilServed(`http://127.0.0.1:${port}`, 'text 0')
  const took = performance.now() - begin
  child.kill()
  await once(child, 'exit')
  return took
}

try {
  const boots: number[] = []
  for (let run = 0; run < RUNS; run += 1) boots.push(await boot(39_000 + run))
  const first = await person.tow(['ship'], { cwd: folder })
  if (first.exit !== 0) throw new Error(first.stderr)
  const [app] = await person.ask<App[]>(['apps'])
  const url = app!.environments[0]!.urls.find((one) => new URL(one).hostname === '127.0.0.1')!
  const served: number[] = []
  const ended: number[] = []
  for (let run = 1; run <= RUNS; run += 1) {
    await writeFile(join(folder, 'server.js'), server(`text ${run}`))
    const begin = performance.now()
    const ship = person.tow(['ship'], { cwd: folder })
    await untilServed(url, `text ${run}`)
    served.push(performance.now() - begin)
    const { exit, stderr } = await ship
    if (exit !== 0) throw new Error(stderr)
    ended.push(performance.now() - begin)
  }
  printFigures(`One-line change of a small Node app, ${RUNS} ships`, [
    { what: 'the app’s own boot', unit: 'ms', values: boots },
    { what: 'tow ship → new text served', unit: 'ms', values: served, bar: '< 1500 + boot' },
    { what: 'tow ship → command ended (old one drained)', unit: 'ms', values: ended },
  ])
} finally {
  await person.leave()
}
