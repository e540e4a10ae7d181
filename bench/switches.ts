/**
 * 100 switches of one app under constant load through the whole platform: keep-alive clients, slow clients that read
 * a streamed answer over seconds, uploads that dribble, event streams, WebSockets, gRPC calls and gRPC streams. What
 * fails is counted; the bar is none. `npm run bench -- switches`, or `node bench/switches.ts <switches>`
 */

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { App } from '../src/api/apps.ts'
import { newPerson } from '../test/tow.ts'
import { printFigures } from './figures.ts'
import { appOfVersion } from './switches/app.ts'
import { type Clients, startClients } from './switches/clients.ts'

const SWITCHES = Number(process.argv[2] ?? 100)
const person = await newPerson()
const folder = join(person.folder, 'hello')
let clients: Clients | null = null

async function ship(version: number): Promise<void> {
  await writeFile(join(folder, 'server.js'), appOfVersion(version))
  const { exit, stderr } = await person.tow(['ship'], { cwd: folder })
  if (exit !== 0) throw new Error(stderr)
}

try {
  await mkdir(folder)
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'hello', type: 'module', scripts: { start: 'node server.js' } }),
  )
  await ship(0)
  const [app] = await person.ask<App[]>(['apps'])
  const url = app!.environments[0]!.urls.find((one) => new URL(one).hostname === '127.0.0.1')!
  clients = startClients(url)
  const took: number[] = []
  for (let version = 1; version <= SWITCHES; version += 1) {
    const begin = performance.now()
    await ship(version)
    took.push(performance.now() - begin)
  }
  await clients.stop()
  const { answered, failures, madeAnew } = clients.tally
  const all = Object.values(answered).reduce((sum, one) => sum + one, 0)
  printFigures(`${SWITCHES} switches under load: ${all} answered, ${failures.length} failed (bar: 0)`, [
    { what: 'one ship, old set drained', unit: 'ms', values: took },
  ])
  for (const [kind, times] of Object.entries(answered)) console.log(`  ${kind}: ${times}`)
  console.log(`  event streams and WebSockets that ended with their set and were made anew: ${madeAnew}`)
  for (const failure of new Set(failures)) console.log(`  failed: ${failure}`)
} finally {
  await clients?.stop()
  await person.leave()
}
