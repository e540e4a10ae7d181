import { describe, expect, test } from 'vitest'
import type { SidecarReport } from '../../../workspace/sidecar/protocol.ts'
import type { Pod } from '../cluster/objects.ts'
import { type Explanation, explanationKey, lastEviction, observedProcess } from './pods.ts'
import { explainSilence, listeningSockets } from './silence.ts'
import { imageProblem, lastExitOf, noPods, notReady, unschedulable } from './words.ts'

const at = '2026-01-02T03:04:05Z'

describe('what the cluster reports, in words', () => {
  test.each([
    [
      { exitCode: 3, finishedAt: at },
      { code: 3, reason: 'exited with code 3' },
    ],
    [
      { exitCode: 137, finishedAt: at },
      { signal: 'SIGKILL', reason: 'ended by SIGKILL' },
    ],
    [{ exitCode: 137, reason: 'OOMKilled', finishedAt: at }, { reason: 'killed for memory at 160 MB' }],
    [
      { exitCode: 128, reason: 'StartError', message: 'no such file', finishedAt: at },
      { reason: 'could not be started: no such file' },
    ],
    [
      {
        exitCode: 128,
        reason: 'StartError',
        message: 'failed to create shim task: exec: "sh": executable file not found in $PATH: unknown',
        finishedAt: at,
      },
      {
        reason: expect.stringContaining(
          'could not be started: the image has no sh, which commands are run by',
        ),
      },
    ],
  ])('an end: %j', (ended, expected) => {
    expect(lastExitOf(ended, '160Mi')).toMatchObject({ ...expected, at: '2026-01-02T03:04:05.000Z' })
  })

  test.each([
    ['0/3 nodes are available: 3 Insufficient cpu.', { cpu: '2' }, 'no node has 2 CPUs free'],
    ['0/1 nodes are available: 1 Insufficient cpu.', { cpu: '250m' }, 'no node has 0.25 CPUs free'],
    [
      '0/1 nodes are available: 1 Insufficient memory.',
      { memory: '2Gi' },
      'no node has 2048 MB of memory free',
    ],
    [
      '0/1 nodes are available: 1 had untolerated taint.',
      {},
      'no node takes it: 0/1 nodes are available: 1 had untolerated taint.',
    ],
  ])('no room: %s', (message, requests, expected) => {
    expect(unschedulable(message, requests)).toMatchObject({ code: 'no-room', message: expected })
  })

  test('an image that is not there is another thing than a registry that does not answer', () => {
    const pull = (message: string) => imageProblem({ reason: 'ImagePullBackOff', message }, 'r/shop:1')
    expect(pull('r/shop:1: not found')).toMatchObject({
      code: 'image-missing',
      message: 'the image cannot be pulled: r/shop:1: not found',
    })
    expect(pull('dial tcp: connection refused')).toMatchObject({
      code: 'image-pull',
      message: 'the image cannot be pulled: dial tcp: connection refused (r/shop:1)',
    })
    expect(pull('pull access denied')?.hint).toContain('imagePullSecrets')
    expect(imageProblem({ reason: 'ContainerCreating' }, 'r/shop:1')).toBeNull()
  })

  test('a quota, a refusal and a check that fails', () => {
    const failure = (message: string) => noPods([{ type: 'ReplicaFailure', status: 'True', message }])
    expect(failure('pods "x" is forbidden: exceeded quota: small, requested: pods=1')).toMatchObject({
      code: 'quota',
      message: 'the quota of the namespace is used up: exceeded quota: small, requested: pods=1',
    })
    expect(failure('admission webhook "w" denied the request: no')).toMatchObject({ code: 'refused' })
    expect(noPods([])).toBeNull()
    expect(notReady('Readiness probe failed: HTTP probe failed with statuscode: 503').message).toBe(
      'readiness fails: its health check answers 503',
    )
  })
})

/** As the kernel writes it: local address, remote address, state (0A is listening). */
const row = (address: string, state = '0A') =>
  `   0: ${address} 00000000:0000 ${state} 00000000:00000000 00:00000000`

describe('what a silent process listens on', () => {
  const facts = { port: 8080, health: '/healthz', seconds: 20, warning: undefined }
  const explain = (...rows: string[]) => explainSilence(listeningSockets(rows.join('\n')), facts).code

  test('tells the ways in which an app misses its port apart', () => {
    expect(explain()).toBe('not-listening')
    expect(explain(row('00000000:1F90', '01'))).toBe('not-listening')
    expect(explain(row('0100007F:1F91'))).toBe('wrong-port')
    expect(explain(row('0100007F:1F90'))).toBe('only-local')
    expect(explain(row('00000000000000000000000001000000:1F90'))).toBe('only-ipv6')
    expect(explain(row('00000000:1F90'))).toBe('unhealthy')
    expect(explain(row('00000000000000000000000000000000:1F90'))).toBe('unhealthy')
  })

  test('says what the kubelet got for an answer', () => {
    const warning = 'Startup probe failed: HTTP probe failed with statuscode: 500'
    expect(explainSilence(null, { ...facts, warning }).message).toBe(
      'it listens on port 8080, but its health check fails: /healthz answered 500',
    )
  })
})

describe('a pod as a process', () => {
  const pod = (state: object, more: object = {}): Pod =>
    ({
      metadata: {
        name: 'shop--web--v1-5d4f-x7k2p',
        uid: 'u',
        labels: { 'app.kubernetes.io/component': 'web', 'towpath.dev/set': 'v1' },
      },
      spec: { containers: [{ name: 'app', image: 'r/shop:1' }] },
      status: {
        startTime: at,
        containerStatuses: [{ name: 'app', ready: false, restartCount: 0, state, ...more }],
      },
    }) as unknown as Pod
  const see = (one: Pod, explained?: Explanation, report: SidecarReport | null = null) =>
    observedProcess(
      one,
      { bootSeconds: 20 },
      {
        explanations: new Map(explained ? [[explanationKey(one), explained]] : []),
        usage: new Map(),
        reports: () => report,
        warnings: new Map([['u', 'Readiness probe failed: HTTP probe failed with statuscode: 503']]),
      },
    )

  test('has a name of its own for each life of its container', () => {
    expect(see(pod({ running: { startedAt: at } })).id).toBe('web.x7k2p')
    expect(see(pod({ running: { startedAt: at } }, { restartCount: 2 })).id).toBe('web.x7k2p-2')
  })

  test('is starting, healthy, unhealthy or stopping', () => {
    expect(see(pod({ running: { startedAt: at } })).state).toBe('starting')
    expect(see(pod({ running: { startedAt: at } }, { ready: true })).state).toBe('healthy')
    const once = pod({ running: { startedAt: at } })
    const since = (lastTransitionTime: string) => [
      { type: 'ContainersReady', status: 'False', lastTransitionTime },
    ]
    once.status!.conditions = since('2026-01-02T03:04:05Z')
    expect(see(once).state).toBe('starting')
    once.status!.conditions = since('2026-01-02T03:04:09Z')
    const sick = see(once)
    expect([sick.state, sick.problem?.message]).toEqual([
      'unhealthy',
      'readiness fails: its health check answers 503',
    ])
    const leaving = pod({ running: { startedAt: at } }, { ready: true })
    leaving.metadata.deletionTimestamp = at
    expect(see(leaving).state).toBe('stopping')
  })

  test('has crashed where its agent says so, although its container lives on, and has no other problem', () => {
    const one = pod({ running: { startedAt: at } })
    const told = see(one, undefined, { process: 'ended', exit: 137, at: Date.parse(at) })
    expect(told).toMatchObject({ state: 'crashed', restarts: 0, lastExit: { signal: 'SIGKILL' } })
    expect(told).not.toHaveProperty('problem')
    expect(see(one, undefined, { process: 'begun', exit: null, at: 0 }).state).toBe('starting')
  })

  test('says what an image lacks that is to follow files', () => {
    const filling = (terminated: object) => {
      const one = pod({ waiting: { reason: 'PodInitializing' } })
      one.status!.initContainerStatuses = [
        { name: 'fill', ready: false, restartCount: 1, lastState: { terminated } },
      ] as never
      return see(one).problem
    }
    const noShell = { reason: 'StartError', exitCode: 128, message: 'exec: "sh": executable file not found' }
    expect(filling(noShell)).toMatchObject({
      message: 'the image has no sh, which a workspace that follows files needs',
    })
    const lacks = 'the image has no setsid, which a workspace that follows files needs\n'
    expect(filling({ exitCode: 1, message: lacks })).toMatchObject({ message: lacks.trim() })
    expect(filling({ exitCode: 0 })).toBeUndefined()
  })

  test('is called a crash loop once its last lines are known too', () => {
    const loop = pod(
      { waiting: { reason: 'CrashLoopBackOff' } },
      { restartCount: 1, lastState: { terminated: { exitCode: 3, finishedAt: at } } },
    )
    expect(see(loop)).toMatchObject({ state: 'waiting', lastExit: { code: 3 } })
    expect(see(loop).problem).toBeUndefined()
    expect(see(loop, { lastLines: ['no database'] })).toMatchObject({
      state: 'crashed',
      problem: {
        code: 'crash-loop',
        message: 'web ended 2 times in a row soon after its start; the last time it exited with code 3',
        lastLines: ['no database'],
      },
    })
  })
})

test('a pod that was evicted tells why, and the newest of several counts', () => {
  const evicted = (message: string, finishedAt: string): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { containers: [] },
    status: {
      phase: 'Failed',
      reason: 'Evicted',
      message,
      containerStatuses: [
        { name: 'app', ready: false, restartCount: 0, state: { terminated: { exitCode: 137, finishedAt } } },
      ],
    },
  })
  const full = evicted('Pod ephemeral local storage usage exceeds the total limit of containers 2Gi. ', at)
  const pressed = evicted('The node was low on resource: memory.', '2026-01-01T00:00:00Z')
  expect(lastEviction([pressed, full])).toEqual({
    at: '2026-01-02T03:04:05.000Z',
    reason: 'evicted: it wrote more than 2Gi',
  })
  expect(lastEviction([pressed])?.reason).toBe('evicted: The node was low on resource: memory.')
  expect(lastEviction([])).toBeNull()
})
