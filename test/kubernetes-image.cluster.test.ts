/** An image that was made elsewhere on a real cluster: shipped, promoted by the same digest, rolled back, refused. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type * as z from 'zod'
import type { Environment as EnvironmentShape } from '../src/api/environments.ts'
import type { Release } from '../src/api/releases.ts'
import { openTestCluster, type TestCluster, withoutCluster } from '../src/engines/kubernetes/testing.ts'
import { bindCluster } from './bind-cluster.ts'
import { makeElsewhere } from './made-elsewhere.ts'
import { newPerson, type Person } from './tow.ts'

type Environment = z.infer<typeof EnvironmentShape>

const { env } = process
const serve = (text: string) =>
  `process.on('SIGTERM', () => process.exit(0)); require('node:http').createServer((q, a) => a.end('${text} as ' + process.getuid() + ' in ' + process.cwd())).listen(3000)`

describe('an image that was made elsewhere', { timeout: 120_000 }, () => {
  let ann: Person
  let stage: TestCluster
  let prod: TestCluster
  let folder: string
  let repository: string

  beforeEach(({ skip }) => skip(withoutCluster !== null, withoutCluster ?? ''))

  beforeAll(async () => {
    if (withoutCluster !== null) return
    ;[ann, stage, prod] = await Promise.all([newPerson(), openTestCluster(), openTestCluster()])
    folder = join(ann.folder, 'empty')
    await mkdir(folder)
    repository = `${stage.namespace}-elsewhere/hall`
    expect(await ann.tow(['up'])).toMatchObject({ exit: 0 })
    for (const [name, cluster] of [
      ['live', stage],
      ['far', prod],
    ] as const) {
      const added = await ann.tow(['env', 'add', name, '--before', 'stage', ...bindCluster(cluster)])
      expect(added).toMatchObject({ exit: 0 })
    }
  }, 120_000)

  afterAll(async () => {
    await ann?.leave()
    await stage?.dispose()
    await prod?.dispose()
  }, 120_000)

  const domainOf = ({ namespace }: TestCluster) => `${namespace}.${env.TOW_TEST_DOMAIN}`
  const tow = (...words: string[]) => ann.tow(words, { cwd: folder })
  const answer = async (cluster: TestCluster) =>
    (await cluster.fetch(`http://hall.${domainOf(cluster)}/`)).text()
  const make = (tag: string, config: Record<string, unknown>) =>
    makeElsewhere(
      env.TOW_TEST_REGISTRY as string,
      { from: 'base/node', fromTag: '24', repository, tag },
      config,
    )
  const named = (tag: string) => `${env.TOW_TEST_REGISTRY}/${repository}:${tag}`
  const release = (version: string, environment: string) =>
    ann.ask<Release>(['releases', version, '-a', 'hall', '-e', environment])
  const image = (text: string, more: Record<string, unknown> = {}) => ({
    User: '1234',
    WorkingDir: '/usr',
    Entrypoint: ['node', '-e'],
    Cmd: [serve(text)],
    ExposedPorts: { '3000/tcp': {} },
    ...more,
  })

  test('is refused before anything moves where it would run as root', async () => {
    await make('root', image('root', { User: '' }))
    const refused = await tow('ship', '--image', named('root'), '-e', 'live')
    expect(refused).toMatchObject({ exit: 1 })
    expect(refused.stderr).toContain('runs as root, which restricted Pod Security does not allow')
    expect(refused.stderr).toContain('USER 1000:1000')
    expect(await ann.ask<unknown[]>(['apps'])).toEqual([])
  })

  test('is refused where several ports could be meant, and where there is no such image', async () => {
    await make('ports', image('ports', { ExposedPorts: { '3000/tcp': {}, '9090/tcp': {} } }))
    const ports = await tow('ship', '--image', named('ports'), '-e', 'live')
    expect(ports.stderr).toContain('listens on several ports: 3000, 9090')
    expect(ports.stderr).toContain('--port 3000')
    const nothing = await tow('ship', '--image', named('nothing'), '-e', 'live')
    expect(nothing.stderr).toContain(`There is no image ${named('nothing')}`)
  })

  test('is refused by the engine on this machine, with the way out', async () => {
    const refused = await tow('ship', '--image', named('ports'), '-e', 'stage')
    expect(refused).toMatchObject({ exit: 1 })
    expect(refused.stderr).toContain('the engine on this machine runs no containers')
    expect(refused.stderr).toContain('ship it to an environment on Kubernetes')
  })

  test('is shipped without a file of ours: its own command, port, user and folder', async () => {
    const digest = await make('1', image('first'))
    const shipped = await tow('ship', '--image', named('1'), '-e', 'live')
    expect(shipped).toMatchObject({ exit: 0 })
    expect(await answer(stage)).toBe('first as 1234 in /usr')
    const whole = await tow('releases', 'v1', '-a', 'hall', '-e', 'live')
    expect(whole.stdout).toContain(`${env.TOW_TEST_REGISTRY}/${repository}@${digest}`)
    const { stdout } = await tow('env', 'export', '-e', 'live')
    expect(stdout).toContain(`@${digest}`)
  })

  test('may be looked up with logins for places that are lent later, until they are taken back', async () => {
    const facts = async () =>
      (await ann.ask<Environment[]>(['env']))
        .find(({ name }) => name === 'live')!
        .facts.filter(({ name }) => name === 'login lent for')
        .map(({ value }) => value)
    expect((await tow('env', 'lend', 'live', 'Team')).stderr).toContain('"Team" is no registry')
    const lent = await tow('env', 'lend', 'live', 'ghcr.io/team', 'quay.io')
    expect(lent.stderr).toContain('Undo: tow env lend live ghcr.io/team quay.io --take-back')
    expect(await facts()).toEqual(['ghcr.io/team', 'quay.io'])
    expect(await tow('env', 'lend', 'live', 'ghcr.io/team', '--take-back')).toMatchObject({ exit: 0 })
    expect(await facts()).toEqual(['quay.io'])
    const never = await tow('env', 'lend', 'live', 'ghcr.io/team', '--take-back')
    expect(never.stderr).toContain('logins are not lent for ghcr.io/team; they are lent for quay.io')
    expect((await tow('env', 'lend', 'stage', 'quay.io')).stderr).toContain('stage is on the local engine')
  })

  test('is promoted by the same digest', async () => {
    expect(await tow('promote', 'hall')).toMatchObject({ exit: 0 })
    expect(await answer(prod)).toBe('first as 1234 in /usr')
    const [from, to] = await Promise.all([release('v1', 'live'), release('v1', 'far')])
    expect(to.content.image?.reference).toBe(from.content.image?.reference)
    expect(to.artifact).toBe(from.artifact)
  })

  test('is pinned: a tag that moves changes nothing until it is shipped again, and a rollback goes back', async () => {
    await make('1', image('second'))
    expect(await tow('restart', '-a', 'hall', '-e', 'live')).toMatchObject({ exit: 0 })
    expect(await answer(stage)).toBe('first as 1234 in /usr')
    expect(await tow('ship', '--image', named('1'), '-e', 'live')).toMatchObject({ exit: 0 })
    expect(await answer(stage)).toBe('second as 1234 in /usr')
    expect(await tow('rollback', 'v1', '-a', 'hall', '-e', 'live')).toMatchObject({ exit: 0 })
    expect(await answer(stage)).toBe('first as 1234 in /usr')
  })

  test('runs as a tow.yaml says where there is one', async () => {
    const processes = `web: { health: /healthz, count: 2, memory: 96Mi }, clock: { command: "echo tick; sleep 600" }`
    await writeFile(join(folder, 'tow.yaml'), `version: 1\napps:\n  hall: { processes: { ${processes} } }\n`)
    expect(await tow('ship', '--image', named('1'), '-e', 'live')).toMatchObject({ exit: 0 })
    expect(await answer(stage)).toBe('second as 1234 in /usr')
    expect((await release('v4', 'live')).run.processes.web).toMatchObject({
      health: '/healthz',
      memoryMegabytes: 96,
    })
    const { processes: running } = await ann.ask<{ processes: { process: string }[] }>([
      ...['ps', '-a', 'hall', '-e', 'live'],
    ])
    expect(running.map(({ process }) => process).sort()).toEqual(['clock', 'web', 'web'])
    const run = await tow('run', '-a', 'hall', '-e', 'live', 'node -p "process.getuid()"')
    expect(run).toMatchObject({ exit: 0, stdout: '1234\n' })
  })
})
