/** A local engine with a home of its own, for tests; ends everything it started. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ContentSource, Engine } from '../engine.ts'
import { createLocalEngine, shutDownRunner } from './engine.ts'

const LOOPBACK = '127.0.0.1'

export interface TestEngine {
  home: string
  engine: Engine
  reopen(): Promise<Engine>
  /** As if every name led to this machine. */
  fetch: typeof fetch
  dispose(): Promise<void>
}

export function createTestEngine(content: ContentSource): TestEngine {
  const home = mkdtempSync(join(tmpdir(), 'tow-local-'))
  // As root, apps are users of their own and must be able to pass.
  chmodSync(home, 0o711)
  // Ranges of their own, so that files of tests that run at once do not meet.
  const lane = process.pid % 12
  const open = () =>
    createLocalEngine({
      home: `${home}/local`,
      keyPath: `${home}/key`,
      content,
      path: '/usr/local/bin:/usr/bin:/bin',
      doorPorts: 5000 + lane * 1000,
      processPorts: 20_000 + lane * 1000,
    })
  let engine = open()
  return {
    home: `${home}/local`,
    engine,
    fetch: (async (input: string | URL, init?: RequestInit) => {
      const url = new URL(input)
      return url.hostname === LOOPBACK ? fetch(url, init) : askByName(url)
    }) as typeof fetch,
    async reopen() {
      await engine.close()
      engine = open()
      return engine
    },
    async dispose() {
      await engine.close()
      await shutDownRunner(`${home}/local`, { apps: true })
      rmSync(home, { recursive: true, force: true })
    },
  }
}

function askByName({ host, port, pathname, search }: URL): Promise<Response> {
  return new Promise((resolve, reject) => {
    const asked = request({
      ...{ host: LOOPBACK, port, path: `${pathname}${search}`, headers: { host }, agent: false },
    })
    asked.on('response', async (response) => {
      const body = Buffer.concat(await response.toArray())
      resolve(new Response(body, { status: response.statusCode ?? 0 }))
    })
    asked.on('error', reject)
    asked.end()
  })
}
