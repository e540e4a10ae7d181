/** THE chart: what `helm template` makes of values, held against the oldest and the newest Kubernetes that it is for. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { beforeEach, describe, expect, test } from 'vitest'
import { EVERYTHING, LIVE } from './manifests/everything.ts'
import { chartFolder, hasHelm, helm, type Manifest, render, WITHOUT_HELM } from './manifests/helm.ts'
import { faults, RELEASES, shapesOf } from './manifests/strict.ts'

const SMALL = {
  sets: { v1: { image: 'registry.example.com/shop:1', processes: { web: { command: 'node server.js' } } } },
}

const named = (manifests: Manifest[], kind: string, name: string) =>
  manifests.find((one) => one.kind === kind && one.metadata.name === name)
const kinds = (manifests: Manifest[]) => manifests.map((one) => `${one.kind} ${one.metadata.name}`).sort()
const podsOf = (manifests: Manifest[]): Manifest[] =>
  manifests.flatMap((one) => one.spec?.jobTemplate?.spec.template ?? one.spec?.template ?? [])

beforeEach(({ skip }) => skip(!hasHelm, WITHOUT_HELM))

describe('the strict reader of manifests', () => {
  test.each(RELEASES)(
    'finds a field that Kubernetes %s does not know, a wrong type and what is missing',
    (release) => {
      const service = {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'x' },
        spec: { portz: [], ports: [{ port: 'x' }] },
      }
      expect(faults(shapesOf(release), service)).toEqual([
        'v1/Service.spec.portz is not known',
        'v1/Service.spec.ports[0].port is "x", which is no integer',
      ])
      const policy = { apiVersion: 'policy/v1', kind: 'Nothing' }
      expect(faults(shapesOf(release), policy)).toEqual(['policy/v1/Nothing is not known'])
    },
  )
})

describe('the chart', () => {
  test.each(RELEASES)('renders nothing that Kubernetes %s would not take to the letter', async (release) => {
    const shapes = shapesOf(release)
    for (const values of [
      {},
      SMALL,
      EVERYTHING,
      LIVE,
      { ...EVERYTHING, readOnlyRoot: true, route: { ...EVERYTHING.route, kind: 'GRPCRoute' } },
    ]) {
      const manifests = await render('app', values, { words: ['--kube-version', release] })
      expect(manifests.flatMap((one) => faults(shapes, one))).toEqual([])
    }
  })

  test('is clean for helm lint, with little and with everything', async () => {
    for (const values of [{}, SMALL, EVERYTHING, LIVE]) {
      expect(await helm(['lint', '--strict', chartFolder('app')], values)).toContain('0 chart(s) failed')
    }
  })

  test('needs one line to serve: everything goes to the only set', async () => {
    const manifests = await render('app', SMALL)
    expect(kinds(manifests)).toEqual([
      'Deployment shop--web--v1',
      'NetworkPolicy shop',
      'Service shop',
      'Service shop--v1',
      'ServiceAccount shop',
    ])
    const selector = named(manifests, 'Service', 'shop').spec.selector
    expect(podsOf(manifests)[0].metadata.labels).toMatchObject(selector)
  })

  test('tells a process its release, and in a space its set', async () => {
    const release = { release: 12, ...SMALL.sets.v1 }
    const told = async (set: string) => {
      const [pod] = podsOf(await render('app', { sets: { [set]: release } }))
      const { env } = pod.spec.containers[0]
      return env.find((one: { name: string }) => one.name === 'TOW_RELEASE').value
    }
    expect(await told('v12')).toBe('v12')
    expect(await told('mine.12')).toBe('mine.12')
  })

  test('makes one Deployment for each process of each set, and routes by weight', async () => {
    const manifests = await render('app', EVERYTHING)
    expect(kinds(manifests)).toEqual([
      'CronJob shop--nightly',
      'Deployment shop--web--v11',
      'Deployment shop--web--v12-blue',
      'Deployment shop--worker--v12-blue',
      'HTTPRoute shop',
      'HorizontalPodAutoscaler shop--web--v12-blue',
      'Job shop--migrate',
      'Job shop--piped',
      'Job shop--terminal',
      'NetworkPolicy shop',
      'PodDisruptionBudget shop--web--v11',
      'PodDisruptionBudget shop--web--v12-blue',
      'PodDisruptionBudget shop--worker--v12-blue',
      'ReferenceGrant shop',
      'Service shop',
      'Service shop--v11',
      'Service shop--v12-blue',
      'ServiceAccount shop',
    ])
    const [rule] = named(manifests, 'HTTPRoute', 'shop').spec.rules
    expect(rule.backendRefs).toMatchObject([
      { name: 'shop--v11', weight: 90 },
      { name: 'shop--v12-blue', weight: 10 },
    ])
    expect(named(manifests, 'Service', 'shop').spec.selector['towpath.dev/set']).toBe('v11')
    expect(named(manifests, 'Deployment', 'shop--web--v11').spec.replicas).toBe(3)
    expect(named(manifests, 'Deployment', 'shop--web--v12-blue').spec).not.toHaveProperty('replicas')
  })

  test('finds each pod by exactly one Deployment and no Service of another set', async () => {
    const manifests = await render('app', EVERYTHING)
    const matches = (selector: Record<string, string>, labels: Record<string, string>) =>
      Object.entries(selector).every(([key, value]) => labels[key] === value)
    const deployments = manifests.filter((one) => one.kind === 'Deployment')
    for (const pod of podsOf(manifests)) {
      const { labels } = pod.metadata
      const owners = deployments.filter((one) => matches(one.spec.selector.matchLabels, labels))
      expect(owners).toHaveLength(labels['towpath.dev/kind'] === 'process' ? 1 : 0)
      for (const service of manifests.filter((one) => one.kind === 'Service')) {
        const isFound = matches(service.spec.selector, labels)
        if (isFound)
          expect([labels['app.kubernetes.io/component'], labels['towpath.dev/kind']]).toEqual([
            'web',
            'process',
          ])
      }
    }
  })

  test('keeps every pod within the restricted Pod Security standard, without a token', async () => {
    const pods = podsOf(await render('app', EVERYTHING))
    expect(pods).toHaveLength(7)
    for (const { spec } of pods) {
      expect(spec).toMatchObject({
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      })
      for (const container of spec.containers) {
        expect(container.securityContext).toMatchObject({
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
          readOnlyRootFilesystem: false,
        })
        expect(container.resources.limits.memory).toBe(container.resources.requests.memory)
      }
    }
    const closed = podsOf(await render('app', { ...EVERYTHING, readOnlyRoot: true }))
    for (const { spec } of closed)
      expect(spec.containers[0].securityContext.readOnlyRootFilesystem).toBe(true)
  })

  test('has a volume for /tmp where it is asked for, nothing else can be written, or an image may have none', async () => {
    const volumesOf = async (values: object) =>
      podsOf(await render('app', values)).map(({ spec }) => spec.volumes?.[0].emptyDir.sizeLimit)
    const elsewhere = { sets: { v1: { ...SMALL.sets.v1, user: 101 } } }
    expect(await volumesOf(SMALL)).toEqual([undefined])
    expect(await volumesOf({ ...SMALL, scratch: '64Mi' })).toEqual(['64Mi'])
    expect(await volumesOf({ ...SMALL, readOnlyRoot: true })).toEqual(['1Gi'])
    expect(await volumesOf(elsewhere)).toEqual(['1Gi'])
  })

  test('is looked at the moment somebody listens, where a shell can wait for that', async () => {
    const hookOf = async (command: string, port: number) => {
      const set = { ...SMALL.sets.v1, port, processes: { web: { command } } }
      const [pod] = podsOf(await render('app', { sets: { v1: set } }))
      return pod.spec.containers[0].lifecycle.postStart?.exec.command
    }
    expect(await hookOf('', 8080)).toBeUndefined()
    const listening = createServer().listen(0, '127.0.0.1')
    await once(listening, 'listening')
    const { port } = listening.address() as AddressInfo
    const [shell, ...words] = await hookOf('node server.js', port)
    expect(spawnSync(shell, words)).toMatchObject({ status: 0, stderr: Buffer.from('') })
    listening.close()
    await once(listening, 'close')
    const [other, ...others] = await hookOf('node server.js', port)
    expect(spawnSync(other, others)).toMatchObject({ status: 0, stderr: Buffer.from('') })
  })

  test('hands a command to the shell as it was written', async () => {
    const [job] = (await render('app', EVERYTHING)).filter((one) => one.metadata.name === 'shop--migrate')
    const { command } = job.spec.template.spec.containers[0]
    // Kubernetes reads $$ as $, and would put a value in place of $(NAME).
    expect(command.at(-1).replaceAll('$$', '$')).toBe('echo "$HOME" $(date)')
    const [web] = podsOf(await render('app', SMALL))
    const [, , leads] = web.spec.containers[0].command
    expect(leads.replaceAll('$$', '$')).toContain('"/proc/$$/stat"')
    expect(job.spec).toMatchObject({ backoffLimit: 0, podReplacementPolicy: 'Failed' })
    expect(job.metadata.annotations['towpath.dev/key']).toBe('k-1')
  })

  test('has a set that follows files led by a shell, with an agent beside it that may do no more than the app', async () => {
    const manifests = await render('app', LIVE, { name: 'shop--mine' })
    const [web, worker] = podsOf(manifests).map(({ spec }) => spec)
    for (const { securityContext, initContainers, containers, volumes } of [web, worker]) {
      expect(securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 })
      const [fill, agent] = initContainers
      expect(fill).toMatchObject({ name: 'fill', image: containers[0].image })
      expect(agent).toMatchObject({ name: 'agent', restartPolicy: 'Always' })
      for (const { securityContext } of initContainers)
        expect(securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        })
      expect(volumes).toContainEqual({ name: 'live', emptyDir: { sizeLimit: '2Gi' } })
      expect(containers[0].volumeMounts).toContainEqual({
        name: 'live',
        mountPath: '/workspace',
        subPath: 'workspace',
      })
      // A process that ended waits for the next change: nothing else may end its container.
      expect(containers[0]).not.toHaveProperty('livenessProbe')
      expect(containers[0]).not.toHaveProperty('lifecycle')
    }
    const agents = [web, worker].map(({ initContainers }) => initContainers[1].command)
    expect(agents).toEqual([
      ['node', '/workspace/agent.mjs', '/live', 'web', '8080', 'starts-anew'],
      ['node', '/workspace/agent.mjs', '/live', 'worker', '-', 'reloads'],
    ])
    // As Kubernetes reads it.
    const [, , script, , , command] = worker.containers[0].command.map((word: string) =>
      word.replaceAll('$$', '$'),
    )
    expect(script).toContain('echo "$2 $0 $$" >&8')
    expect(script).toContain('"/proc/$$/stat"')
    expect(command).toBe('echo "$HOME" $(date) $$')
    expect(named(manifests, 'Service', 'shop--mine--mine-3').spec.publishNotReadyAddresses).toBe(true)
    for (const { spec } of manifests.filter(({ kind }) => kind === 'Deployment'))
      expect(spec.strategy).toEqual({ type: 'Recreate' })
  })

  test('runs jobs of such a set as its image has them', async () => {
    const jobs = { once: { set: 'mine.3', command: 'true' } }
    const [job] = (await render('app', { ...LIVE, jobs })).filter(({ kind }) => kind === 'Job')
    expect(job.spec.template.spec).not.toHaveProperty('initContainers')
    expect(job.spec.template.spec).not.toHaveProperty('volumes')
  })

  test('lets in the Gateway, those who name the app in their needs, the router of spaces, and nobody else', async () => {
    const { spec } = named(await render('app', EVERYTHING), 'NetworkPolicy', 'shop')
    expect(spec.policyTypes).toEqual(['Ingress', 'Egress'])
    expect(spec.ingress).toEqual([
      {
        ports: [{ port: 'http', protocol: 'TCP' }],
        from: [
          { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'gateway' } } },
          { podSelector: { matchLabels: { 'needs.towpath.dev/shop': 'true' } } },
          { podSelector: { matchLabels: { 'towpath.dev/kind': 'router' } } },
          { namespaceSelector: { matchLabels: { team: 'support' } } },
        ],
      },
    ])
    const open = named(await render('app', SMALL), 'NetworkPolicy', 'shop')
    expect(open.spec.policyTypes).toEqual(['Ingress'])
    const caller = podsOf(await render('app', EVERYTHING)).find(
      (pod) => pod.metadata.labels['needs.towpath.dev/reports'],
    )
    expect(caller.metadata.labels['towpath.dev/set']).toBe('v12.blue')
  })

  test('lets in callers from namespaces of full spaces; a copy in one only the router of the environment', async () => {
    const peers = async (values: object) =>
      named(await render('app', { ...SMALL, ...values }), 'NetworkPolicy', 'shop').spec.ingress[0].from
    const podSelector = { matchLabels: { 'needs.towpath.dev/shop': 'true' } }
    const router = { matchLabels: { 'towpath.dev/kind': 'router' } }
    expect(await peers({ networkPolicy: { spacesOf: 'live' } })).toEqual([
      { podSelector },
      { podSelector: router },
      { podSelector, namespaceSelector: { matchLabels: { 'towpath.dev/spaces-of': 'live' } } },
    ])
    expect(await peers({ networkPolicy: { routerNamespace: 'live' } })).toEqual([
      { podSelector },
      { podSelector: router, namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'live' } } },
    ])
  })

  test('leads calls and whoever comes from outside to a router that it is told of', async () => {
    const selector = { 'towpath.dev/kind': 'router' }
    const manifests = await render('app', {
      ...EVERYTHING,
      calls: { selector, port: 20_001 },
      route: { ...EVERYTHING.route, through: 'hop', removeHeaders: ['baggage'] },
    })
    expect(named(manifests, 'Service', 'shop').spec).toMatchObject({
      selector,
      ports: [{ port: 80, targetPort: 20_001 }],
    })
    expect(named(manifests, 'HTTPRoute', 'shop').spec.rules[0]).toMatchObject({
      backendRefs: [{ name: 'hop', port: 80 }],
      filters: [{ requestHeaderModifier: { remove: ['baggage'] } }],
    })
    expect(manifests.flatMap((one) => faults(shapesOf('1.30'), one))).toEqual([])
  })

  test('sends whoever comes from outside to nobody while it is closed, and calls from inside go on', async () => {
    const manifests = await render('app', { ...EVERYTHING, route: { ...EVERYTHING.route, closed: true } })
    expect(named(manifests, 'HTTPRoute', 'shop').spec.rules[0].backendRefs).toMatchObject([
      { name: 'shop--closed' },
    ])
    const nobody = named(manifests, 'Service', 'shop--closed').spec.selector
    expect(
      podsOf(manifests).some((pod) => pod.metadata.labels['towpath.dev/kind'] === nobody['towpath.dev/kind']),
    ).toBe(false)
    expect(named(manifests, 'Service', 'shop').spec.selector['towpath.dev/set']).toBe('v11')
    expect(manifests.flatMap((one) => faults(shapesOf('1.30'), one))).toEqual([])
  })

  test('leads whoever comes from outside to a Service that moves from set to set, once it is said to be known', async () => {
    const rendered = (edge: string, split: Record<string, number> = EVERYTHING.split) =>
      render('app', { ...EVERYTHING, split, route: { ...EVERYTHING.route, edge } })
    const leadsTo = (manifests: Manifest[]) =>
      named(manifests, 'HTTPRoute', 'shop').spec.rules[0].backendRefs.map((one: { name: string }) => one.name)
    const made = await rendered('made', { v11: 1 })
    expect(named(made, 'Service', 'shop--edge').spec.selector['towpath.dev/set']).toBe('v11')
    expect(leadsTo(made)).toEqual(['shop--v11'])
    const [used, moved] = [
      await rendered('used', { v11: 1 }),
      await rendered('used', { v11: 0, 'v12.blue': 1 }),
    ]
    expect(leadsTo(used)).toEqual(['shop--edge'])
    expect(named(moved, 'Service', 'shop--edge').spec.selector['towpath.dev/set']).toBe('v12.blue')
    expect(named(moved, 'HTTPRoute', 'shop')).toEqual(named(used, 'HTTPRoute', 'shop'))
    expect(leadsTo(await rendered('used'))).toEqual(['shop--v11', 'shop--v12-blue'])
    expect(named(await rendered(''), 'Service', 'shop--edge')).toBeUndefined()
    expect(moved.flatMap((one) => faults(shapesOf('1.30'), one))).toEqual([])
  })

  test('has no route while nobody is served', async () => {
    const manifests = await render('app', { ...EVERYTHING, split: {} })
    expect(named(manifests, 'HTTPRoute', 'shop')).toBeUndefined()
    expect(named(manifests, 'Service', 'shop')).toBeUndefined()
  })

  test.each([
    [{ imagee: 'x' }, /imagee/],
    [{ sets: { v1: { processes: {} } } }, /image/],
    [{ sets: { v1: { image: 'x', processes: { Web: { command: 'x' } } } } }, /Web/],
    [{ ...SMALL, split: { v2: 1 } }, /split names the set "v2", which is not in sets/],
    [
      { ...SMALL, crons: { nightly: { set: 'v9', schedule: '* * * * *', command: 'x' } } },
      /the cron nightly names the set "v9"/,
    ],
    [
      { sets: { v1: { image: 'x', processes: { web: {} } }, v2: { image: 'x', processes: { web: {} } } } },
      /there are several sets/,
    ],
    [{ user: 0 }, /user/],
  ])('refuses %j', async (values, reason) => {
    await expect(render('app', values)).rejects.toThrow(reason)
  })
})

describe('the chart of the permissions', () => {
  test.each(RELEASES)('gives one Role in one namespace, to the letter of Kubernetes %s', async (release) => {
    const manifests = await render(
      'access',
      { user: 'ann@example.com', serviceAccount: true },
      { name: 'towpath' },
    )
    expect(kinds(manifests)).toEqual(['Role towpath', 'RoleBinding towpath', 'ServiceAccount towpath'])
    expect(manifests.flatMap((one) => faults(shapesOf(release), one))).toEqual([])
    const [role] = manifests.filter((one) => one.kind === 'Role')
    expect(JSON.stringify(role.rules)).not.toContain('*')
  })

  test('lets namespaces be made for full spaces where that is asked for, held by a policy', async () => {
    const whole = await render('access', { user: "o'ann", group: 'them', serviceAccount: true, spaces: true })
    const more = whole.filter(({ metadata }) => metadata.namespace === undefined)
    expect(kinds(more)).toEqual([
      'ClusterRole towpath-space-stage',
      'ClusterRole towpath-spaces-stage',
      'ClusterRoleBinding towpath-spaces-stage',
      'ValidatingAdmissionPolicy towpath-spaces-stage',
      'ValidatingAdmissionPolicyBinding towpath-spaces-stage',
    ])
    const rights = named(more, 'ClusterRole', 'towpath-spaces-stage')
    const policy = named(more, 'ValidatingAdmissionPolicy', 'towpath-spaces-stage')
    expect(rights.rules).toEqual([
      { apiGroups: [''], resources: ['namespaces'], verbs: ['get', 'create', 'delete'] },
      { apiGroups: ['rbac.authorization.k8s.io'], resources: ['rolebindings'], verbs: ['create'] },
      {
        apiGroups: ['rbac.authorization.k8s.io'],
        resources: ['clusterroles'],
        resourceNames: ['towpath-space-stage'],
        verbs: ['bind'],
      },
    ])
    expect(policy.spec.matchConditions[0].expression).toBe(
      "request.userInfo.username == 'o\\'ann' || 'them' in request.userInfo.groups || request.userInfo.username == 'system:serviceaccount:stage:towpath'",
    )
  })

  test('prepares a namespace for a full space', async () => {
    const manifests = await render('access', { user: 'ann', spacesOf: 'live' })
    expect(kinds(manifests)).toEqual([
      'Lease towpath---space-stage',
      'Namespace stage',
      'Role towpath',
      'RoleBinding towpath',
    ])
    const namespace = named(manifests, 'Namespace', 'stage')
    const lease = named(manifests, 'Lease', 'towpath---space-stage')
    expect(namespace.metadata.labels).toMatchObject({ 'towpath.dev/spaces-of': 'live' })
    expect(lease.metadata).toMatchObject({
      namespace: 'live',
      annotations: { 'towpath.dev/namespace': 'stage' },
    })
    await expect(render('access', { user: 'ann', spacesOf: 'stage' })).rejects.toThrow(
      /names the namespace of the/,
    )
  })
  test.each(RELEASES)(
    'gives the right to read the capacity where it is asked for, on %s',
    async (release) => {
      const manifests = await render('access', { user: 'ann', capacity: true }, { name: 'towpath' })
      expect(kinds(manifests)).toEqual([
        ...['ClusterRole towpath-stage-capacity', 'ClusterRoleBinding towpath-stage-capacity'],
        ...['Role towpath', 'Role towpath-capacity', 'RoleBinding towpath', 'RoleBinding towpath-capacity'],
      ])
      const inWords = (one: Manifest) => ({ ...one, kind: one.kind.replace('Cluster', '') })
      expect(manifests.flatMap((one) => faults(shapesOf(release), inWords(one)))).toEqual([])
      const rules = manifests.flatMap((one) => (one.kind === 'ClusterRole' ? one.rules : []))
      expect(rules).toEqual([{ apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list'] }])
    },
  )

  test('says that somebody must be named', async () => {
    await expect(render('access', {})).rejects.toThrow(/who is given the Role/)
  })
})
