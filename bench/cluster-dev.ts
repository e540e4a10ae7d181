import { join } from 'node:path'
import { openTestCluster, withoutCluster } from '../src/engines/kubernetes/testing.ts'
import { bindCluster } from '../test/bind-cluster.ts'
import { type DevSession, enter, startDev, type Told, untilServed, type Visit } from '../test/dev-session.ts'
import { newPerson } from '../test/tow.ts'
import { askAlways, eachSave, makeApp, SAVES, sum } from './dev/app.ts'
import { type Figure, printFigures, quantile } from './figures.ts'
import { measureSpare } from './spare.ts'

if (withoutCluster !== null) {
  console.log(`left out: ${withoutCluster}`)
  process.exit(0)
}
/** While somebody asks all the time. */
async function measureDev(dev: DevSession, folder: string, visit: Visit): Promise<Figure[]> {
  const end = askAlways(visit)
  const served: number[] = []
  const answered: number[] = []
  const events: number[] = []
  const told: Told[] = []
  await eachSave(folder, async (text) => {
    const begin = performance.now()
    const [news, at] = await Promise.all([
      dev.next(({ type }) => type === 'live'),
      untilServed(visit, text).then(() => performance.now()),
    ])
    const heard = news.heardAt - performance.timeOrigin
    served.push(at - begin)
    events.push(heard - news.milliseconds! - begin)
    answered.push(at - heard)
    told.push(news)
  })
  const { asked, failed } = await end()
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
  const [plain] = await measureSpare(folder)
  printFigures(`A save of a small Node app in a cluster, ${SAVES} saves`, [
    ...figures,
    { what: 'from the command to the first save being live', unit: 'ms', values: [ready] },
    { ...plain!, what: 'beside it, the app outside of any cluster: ended and started anew → answers' },
  ])
} finally {
  await person.leave()
  await cluster.dispose()
}
