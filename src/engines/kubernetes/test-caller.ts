/** Somebody inside the cluster who calls apps as another app would: through their Services, past no policy. */
import { Agent, request } from 'node:http'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { Cluster } from './cluster/connect.ts'
import { collectionPath, objectPath } from './cluster/kinds.ts'
import type { Pod } from './cluster/objects.ts'
import { isReady } from './observe/pods.ts'
import { forwardToPod } from './streams/forward.ts'

const PATIENCE_MS = 60_000

/** Sends each request on to where its header says; one with `x-times` is sent so often, and answered by how long each took. */
const PROXY = `
const http = require('node:http')
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
const once = (to) => new Promise((resolve, reject) => {
  const began = performance.now()
  http.get(to, { agent }, (answer) => answer.resume().on('end', () => resolve(performance.now() - began))).on('error', reject)
})
http.createServer(async (request, response) => {
  const { 'x-to': to, 'x-times': times, connection, host, ...headers } = request.headers
  if (times) {
    const took = []
    while (took.length < Number(times)) took.push(await once(to))
    return response.end(JSON.stringify(took))
  }
  const asked = http.request(to, { method: request.method, headers, agent: false }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers)
    answer.pipe(response)
  })
  asked.on('error', (error) => response.writeHead(599).end(error.message))
  request.pipe(asked)
}).listen(8080)
`

/** Requests with `agent` are made by a pod; `ready` first, and where to in `x-to`. */
export function createCaller(admin: Cluster, image: string) {
  const needs = new Map<string, Promise<void>>()
  let made: Promise<void> | null = null
  // What a forwarded port is, is no socket that could be kept.
  const agent = new Agent({ keepAlive: false })
  agent.createConnection = ((_options: object, done: (error: Error | null, stream?: Duplex) => void) => {
    forwardToPod(admin, 'caller', 8080).then((stream) => done(null, stream), done)
  }) as never

  async function make(): Promise<void> {
    await admin.request('POST', collectionPath('Pod', admin.namespace), { body: callerPod(image) })
    for (;;) {
      const pod = await admin.request<Pod>('GET', objectPath('Pod', admin.namespace, 'caller'))
      if (isReady(pod)) return
      await delay(200)
    }
  }

  /** Policies let it in as an app that says that it needs the other. */
  async function need(url: URL): Promise<void> {
    const app = url.hostname.split('.')[0] as string
    await admin.request('PATCH', objectPath('Pod', admin.namespace, 'caller'), {
      contentType: 'application/merge-patch+json',
      body: { metadata: { labels: { [`needs.towpath.dev/${app}`]: 'true' } } },
    })
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end; ) {
      const status = await new Promise((resolve) => {
        const asked = request({ agent, path: '/', headers: { 'x-to': url.href } }, (answer) => {
          answer.resume()
          resolve(answer.statusCode)
        })
        const patience = setTimeout(() => asked.destroy(), 2000)
        asked.on('error', resolve).on('close', () => clearTimeout(patience))
        asked.end()
      })
      if (status !== 599 && typeof status === 'number') return
      await delay(100)
    }
  }

  return {
    agent,
    /** Settles once it may call. */
    async ready(url: URL): Promise<void> {
      made ??= make()
      await made
      const app = url.hostname
      const known = needs.get(app) ?? need(url)
      needs.set(app, known)
      await known
    },
  }
}

function callerPod(image: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'caller' },
    spec: {
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'app',
          image,
          command: ['node', '-e', PROXY],
          readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        },
      ],
    },
  }
}
