/**
 * `tow dev` against an environment on a real cluster: a save, and the new text served by a small Node app through the
 * Gateway, 30 times. Needs TOW_TEST_KUBECONFIG and its kin: `npm run bench -- cluster-dev`
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { openTestCluster, withoutCluster } from '../src/engines/kubernetes/testing.ts'
import { bindCluster } from '../test/bind-cluster.ts'
import { type DevSession, enter, startDev, type Told, untilServed, type Visit } from '../test/dev-session.ts'
import { newPerson } from '../test/tow.ts'
import { type Figure, printFigures, quantile } from './figures.ts'

if (withoutCluster !== null) {
  console.log(`left out: ${withoutCluster}`)
  process.exit(0)
}
const SAVES = 30
const SERVER = `import { createServer } from 'node:http'
import { text } from './text.js'
console.log('begins')
createServer((_, response) => response.end(text)).listen(process.env.PORT)
process.on('SIGTERM', () => process.exit(0))
`

const save = (folder: string, text: string) =>
  writeFileSync(join(folder, 'text.js'), `export const text = '${text}'\n`)

function makeApp(folder: string): void {
  mkdirSync(folder)
  const manifest = { name: 'hello', type: 'module', scripts: { start: 'node server.js' } }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(folder, 'server.js'), SERVER)
  save(folder, 'text 0')
}

/** A save every half second: as quick as a person is, and every watcher has come to rest. */
async function eachSave(folder: string, use: (text: string) => Promise<void>): Promise<void> {
  for (let at = 1; at <= SAVES; at++) {
    await delay(500)
    save(folder, `text ${at}`)
    await use(`text ${at}`)
  }
}

/** While somebody asks all the time. */
async function measureDev(dev: DevSession, folder: string, visit: Visit): Promise<Figure[]> {
  let failed = 0
  let asked = 0
  let stop = false
  const load = (async () => {
    for (; !stop; await delay(5)) {
      asked++
      const answer = await visit().catch(() => ({ status: 0 }))
      if (answer.status !== 200) failed++
    }
  })()
  const served: number[] = []
  const answered: number[] = []
  const events: number[] = []
  const told: Told[] = []
  await eachSave(folder, async (text) => {
    const begin = performance.now()
    const [news, end] = await Promise.all([
      dev.next(({ type }) => type === 'live'),
      untilServed(visit, text).then(() => performance.now()),
    ])
    const heard = news.heardAt - performance.timeOrigin
    served.push(end - begin)
    events.push(heard - news.milliseconds! - begin)
    answered.push(end - heard)
    told.push(news)
  })
  stop = true
  await load
  const phase = (name: string) => told.map(({ phases }) => phases![name]!)
  const rest = told.map(({ milliseconds, phases }) => milliseconds! - sum(phases!))
  return [
    { what: 'tow dev: save → new text served', unit: 'ms', values: served, bar: '< 90' },
    { what: '  p95', unit: 'ms', values: [quantile(served, 0.95)], bar: '< 120' },
    { what: '  event: until it is told of', unit: 'ms', values: events },
    { what: '  scan: waited for more, looked', unit: 'ms', values: phase('scan') },
    { what: '  send: on the way there and back', unit: 'ms', values: rest },
    { what: '  write', unit: 'ms', values: phase('write') },
    { what: '  restart: started anew, listening', unit: 'ms', values: phase('restart') },
    { what: '  first answer, counted from being told', unit: 'ms', values: answered },
    { what: `failed of ${asked} requests meanwhile`, unit: '', values: [failed], bar: '0' },
  ]
}

const sum = (phases: Record<string, number>) => Object.values(phases).reduce((total, one) => total + one, 0)

const cluster = await openTestCluster()
const person = await newPerson()
const folder = join(person.folder, 'hello')
try {
  makeApp(folder)
  for (const words of [['up'], ['env', 'add', 'live', '--before', 'stage', ...bindCluster(cluster)]]) {
    const { exit, stderr } = await person.tow(words, { cwd: folder })
    if (exit !== 0) throw new Error(stderr)
  }
  const begin = performance.now()
  const dev = await startDev(person, folder, ['--space', 'bench'])
  const ready = performance.now() - begin
  const [link] = dev.told.find(({ type }) => type === 'ready')!.links!
  const visit = await enter(link!.url, process.env.TOW_TEST_GATEWAY)
  const figures = await measureDev(dev, folder, visit)
  await dev.interrupt()
  printFigures(`A save of a small Node app in a cluster, ${SAVES} saves`, [
    ...figures,
    { what: 'from the command to the first save being live', unit: 'ms', values: [ready] },
  ])
} finally {
  await person.leave()
  await cluster.dispose()
}
