/**
 * A one-line change of a small Node app on a real cluster, with an unchanged lockfile: from `tow ship` to the new text
 * served, by the command as it is published, beside the same by hand: tar, gzip and skopeo, `helm upgrade` of the same chart,
 * `kubectl rollout status`. In turns, each when nothing of the other is under way any more.
 * Needs TOW_TEST_KUBECONFIG and its kin, skopeo and kubectl: `node bench/cluster-ship.ts [runs]`
 */
import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { openTestCluster, withoutCluster } from '../src/engines/kubernetes/testing.ts'
import { newPerson } from '../test/tow.ts'
import { printFigures } from './figures.ts'
import { createLayout } from './images/layout.ts'
import { bundle } from './published.ts'

if (withoutCluster !== null) {
  console.log(`left out: ${withoutCluster}`)
  process.exit(0)
}
const RUNS = Number(process.argv[2] ?? 7)
const CHART = fileURLToPath(new URL('../charts/app', import.meta.url))
const { env } = process
const run = promisify(execFile)
const cluster = await openTestCluster()
const person = await newPerson(bundle())
const folder = join(person.folder, 'hello')
const registry = `${env.TOW_TEST_REGISTRY}/${cluster.namespace}`
const domain = `${cluster.namespace}.${env.TOW_TEST_DOMAIN}`

const server = (text: string) => `
import { createServer } from 'node:http'
const server = createServer((request, response) => response.end('${text}')).listen(process.env.PORT)
process.on('SIGTERM', () => server.close())
`

interface Pod {
  metadata: { name: string }
  status?: { containerStatuses?: { ready: boolean; state?: { running?: object } }[] }
}

type Phases = Record<'asked' | 'running' | 'ready' | 'served', number>

async function podsOf(app: string): Promise<Pod[]> {
  const path = `/api/v1/namespaces/${cluster.namespace}/pods`
  const query = { labelSelector: `app.kubernetes.io/name=${app}` }
  return (await cluster.admin.request<{ items: Pod[] }>('GET', path, { query })).items
}

/** When a pod that was not there before is made, runs and is ready, and when the text is served; milliseconds. */
async function watchPhases(app: string, text: string, begin: number): Promise<Phases> {
  const known = new Set((await podsOf(app)).map(({ metadata }) => metadata.name))
  const found: Partial<Phases> = {}
  const mark = (phase: keyof Phases) => {
    found[phase] ??= performance.now() - begin
  }
  const look = async () => {
    while (found.ready === undefined) {
      for (const pod of (await podsOf(app)).filter(({ metadata }) => !known.has(metadata.name))) {
        const status = pod.status?.containerStatuses?.[0]
        mark('asked')
        if (status?.state?.running) mark('running')
        if (status?.ready) mark('ready')
      }
      await delay(15)
    }
  }
  await Promise.all([look(), untilServed(app, text).then(() => mark('served'))])
  return found as Phases
}

async function untilServed(app: string, text: string): Promise<void> {
  for (;;) {
    const served = await cluster.fetch(`http://${app}.${domain}`).then(
      (answer) => answer.text(),
      () => '',
    )
    if (served === text) return
    await delay(5)
  }
}

async function tow(...words: string[]): Promise<void> {
  const { exit, stderr } = await person.tow(words, { cwd: folder })
  if (exit !== 0) throw new Error(stderr)
}

type Phased = Record<keyof Phases | 'ended', number>

/** Answers with what does it once. */
async function byTowpath(): Promise<(step: number) => Promise<Phased>> {
  await tow('up')
  await tow(
    ...['env', 'add', 'live', '--before', 'stage', '--engine', 'kubernetes', '--plain-registry'],
    ...['--kubeconfig', cluster.kubeconfig, '--context', 'limited', '--namespace', cluster.namespace],
    ...['--registry', registry, '--domain', domain, '--gateway', 'gateway/public'],
    ...['--base', `node=${env.TOW_TEST_REGISTRY}/base/node:24`],
  )
  await tow('ship', '-e', 'live')
  return async (step) => {
    writeFileSync(join(folder, 'server.js'), server(`text ${step + 1}`))
    const begin = performance.now()
    const watching = watchPhases('hello', `text ${step + 1}`, begin)
    await tow('ship', '-e', 'live')
    const ended = performance.now() - begin
    return { ...(await watching), ended }
  }
}

async function byHand(): Promise<(step: number) => Promise<Phased & Record<'image' | 'upgrade', number>>> {
  const { tarOf, writeLayout, skopeo, fetchBase } = createLayout(join(person.folder, 'layout'))
  const base = await fetchBase(env.TOW_TEST_REGISTRY!)
  const words = ['--kubeconfig', env.TOW_TEST_KUBECONFIG!, '--namespace', cluster.namespace]
  const push = async (tag: string) => {
    writeLayout([...base.layers, tarOf(folder, 'workspace')], base.config, tag)
    await skopeo(`oci:${join(person.folder, 'layout')}:${tag}`, `docker://${registry}/hand:${tag}`)
  }
  const upgrade = async (tag: string) => {
    const values = {
      sets: {
        v1: {
          image: `${registry}/hand:${tag}`,
          processes: { web: { command: 'cd /workspace && node server.js' } },
        },
      },
      route: { hostnames: [`hand.${domain}`], gateways: [{ name: 'public', namespace: 'gateway' }] },
    }
    const work = run('helm', ['upgrade', '--install', 'hand', CHART, ...words, '--values', '-'])
    work.child.stdin?.end(JSON.stringify(values))
    await work
  }
  writeFileSync(join(folder, 'server.js'), server('by hand 0'))
  await push('v0')
  await upgrade('v0')
  await untilServed('hand', 'by hand 0')
  return async (step) => {
    writeFileSync(join(folder, 'server.js'), server(`by hand ${step + 1}`))
    const begin = performance.now()
    const watching = watchPhases('hand', `by hand ${step + 1}`, begin)
    await push(`v${step + 1}`)
    const image = performance.now() - begin
    await upgrade(`v${step + 1}`)
    const upgraded = performance.now() - begin
    await run('kubectl', ['rollout', 'status', 'deployment/hand--web--v1', ...words])
    const ended = performance.now() - begin
    const phases = await watching
    while ((await podsOf('hand')).length > 1) await delay(200)
    return { ...phases, ended, image, upgrade: upgraded }
  }
}

mkdirSync(folder)
writeFileSync(
  join(folder, 'package.json'),
  JSON.stringify({ name: 'hello', type: 'module', scripts: { start: 'node server.js' } }),
)
writeFileSync(join(folder, 'server.js'), server('text 0'))
try {
  const [ship, hand] = [await byTowpath(), await byHand()]
  const ours: Awaited<ReturnType<typeof ship>>[] = []
  const theirs: Awaited<ReturnType<typeof hand>>[] = []
  for (let step = 0; step <= RUNS; step += 1) {
    const [one, other] = [await ship(step), await hand(step)]
    // The first change of each is made for practice: nothing was read, compiled or made known before.
    if (step > 0) {
      ours.push(one)
      theirs.push(other)
    }
  }
  const row = (what: string, values: number[], bar?: string) => ({
    ...{ what, unit: 'ms', values },
    ...(bar === undefined ? {} : { bar }),
  })
  const both = (what: string, value: (one: Phased) => number, bar?: string) => [
    row(`${what}: tow ship`, ours.map(value), bar),
    row(`${' '.repeat(what.length)}  by hand`, theirs.map(value)),
  ]
  const begun = ({ asked, running }: Phased) => running - asked
  printFigures(
    `one-line change of a small Node app on a cluster, ${RUNS} runs in turns, from the start of each`,
    [
      ...both('new text served', (one) => one.served, '< 2000, and less than by hand'),
      ...both('its pod asked for', (one) => one.asked),
      ...both('from there until its process runs', begun),
      ...both('from there until it is ready', ({ running, ready }) => ready - running),
      ...both('from there until it is served', ({ ready, served }) => served - ready),
      ...both('the command ended, or kubectl rollout status', (one) => one.ended),
      row(
        'by hand: image in the registry',
        theirs.map(({ image }) => image),
      ),
      row(
        'by hand: helm upgrade',
        theirs.map(({ upgrade }) => upgrade),
      ),
    ],
  )
} finally {
  await person.leave()
  await cluster.dispose()
}
