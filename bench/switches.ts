/**
 * 100 switches of one app under constant load through the whole platform: keep-alive clients, slow clients that read
 * a streamed answer over seconds, and uploads that dribble. What fails is counted; the bar is none.
 */

import { mkdir, writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { App } from '../src/api/apps.ts'
import { newPerson } from '../test/tow.ts'
import { printFigures } from './figures.ts'

const SWITCHES = Number(process.argv[2] ?? 100)
const person = await newPerson()
const folder = join(person.folder, 'hello')
await mkdir(folder)
await writeFile(
  join(folder, 'package.json'),
  JSON.stringify({ name: 'hello', type: 'module', scripts: { start: 'node server.js' } }),
)

const server = (version: number) => `
import { createServer } from 'node:http'
const server = createServer(async (request, response) => {
  if (request.url === '/slow') {
    for (let part = 0; part < 10; part += 1) {
      response.write('part ' + part)
      await new Promise((resolve) => setTimeout(resolve, 150))
    }
    return response.end('end')
  }
  let bytes = 0
  for await (const chunk of request) bytes += chunk.length
  response.end('version ${version} ' + bytes)
})
server.listen(process.env.PORT)
process.on('SIGTERM', () => { server.close(); server.closeIdleConnections() })
`

const failures: string[] = []
let answered = 0
let stopping = false

function call(url: string, agent: Agent, body: string[] | null): Promise<void> {
  return new Promise((resolve) => {
    const fail = (why: string) => {
      failures.push(why)
      resolve()
    }
    const sent = request(url, { agent, method: body ? 'POST' : 'GET' }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.on('error', (error) => fail(`answer: ${error.message}`))
      response.on('end', () => {
        if (response.statusCode !== 200) return fail(`${response.statusCode} ${text.slice(0, 80)}`)
        if (url.endsWith('/slow') && !text.endsWith('end'))
          return fail(`cut off after ${text.length} characters`)
        answered += 1
        resolve()
      })
    })
    sent.on('error', (error) => fail(`request: ${error.message}`))
    void (async () => {
      for (const part of body ?? []) {
        sent.write(part)
        await sleep(60)
      }
      sent.end()
    })()
  })
}

async function client(url: string, body: string[] | null, pause: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  while (!stopping) {
    await call(url, agent, body)
    await sleep(pause)
  }
  agent.destroy()
}

try {
  await writeFile(join(folder, 'server.js'), server(0))
  const first = await person.tow(['ship'], { cwd: folder })
  if (first.exit !== 0) throw new Error(first.stderr)
  const [app] = await person.ask<App[]>(['apps'])
  const url = app!.environments[0]!.urls.find((one) => new URL(one).hostname === '127.0.0.1')!
  const clients = [
    ...Array.from({ length: 8 }, () => client(url, null, 5)),
    ...Array.from({ length: 8 }, () => client(new URL('/slow', url).href, null, 10)),
    ...Array.from({ length: 4 }, () => client(url, ['a', 'b', 'c', 'd', 'e'], 10)),
  ]
  const took: number[] = []
  for (let version = 1; version <= SWITCHES; version += 1) {
    await writeFile(join(folder, 'server.js'), server(version))
    const begin = performance.now()
    const { exit, stderr } = await person.tow(['ship'], { cwd: folder })
    if (exit !== 0) throw new Error(stderr)
    took.push(performance.now() - begin)
  }
  stopping = true
  await Promise.all(clients)
  printFigures(
    `${SWITCHES} switches under load: ${answered} requests answered, ${failures.length} failed (bar: 0)`,
    [{ what: 'one ship, old set drained', unit: 'ms', values: took }],
  )
  for (const failure of new Set(failures)) console.log(`  failed: ${failure}`)
} finally {
  stopping = true
  await person.leave()
}
