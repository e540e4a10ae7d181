/** A platform as a service manager runs it: whenever it ends, it is started again after a while. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Client, createClient } from '../../src/client/client.ts'

const MAIN = fileURLToPath(new URL('../../src/platform/main.ts', import.meta.url))
const PATIENCE = 60_000

export interface KeptPlatform {
  home: string
  client: Client
  /** When it was last started, in milliseconds since the epoch. */
  startedAt(): number
  /** Resolves once it answers. */
  answers(): Promise<void>
  /** What it said when it ended without being killed. */
  ended: string[]
  /** Kill -9; it comes back after `awayFor` milliseconds. */
  kill(awayFor: number): void
  /** Ends it, everything it started, and its home. */
  end(): Promise<void>
}

export async function keepPlatform(): Promise<KeptPlatform> {
  const home = await mkdtemp(join(tmpdir(), 'tow-k-'))
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  let startedAt = 0
  let pause = 0
  let ending = false
  let said = ''
  const ended: string[] = []
  let child = start()

  function start(): ChildProcess {
    startedAt = Date.now()
    const { DATABASE_URL: _, ...env } = process.env
    const next = spawn(process.execPath, [MAIN, '--home', home, '--port', String(port)], {
      env: { NODE_COMPILE_CACHE: join(tmpdir(), 'tow-test-compiled'), ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    next.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = `${said}${text}`.slice(-20_000)
    })
    next.once('exit', async (code) => {
      if (ending) return
      if (code !== null) ended.push(`the platform ended by itself with ${code}: ${said.slice(-2000)}`)
      await sleep(code === null ? pause : 1000)
      if (!ending) child = start()
    })
    return next
  }

  async function answers(): Promise<void> {
    const until = Date.now() + PATIENCE
    while (Date.now() < until) {
      // Only a whole answer counts: the port may still be that of a platform that is about to die.
      const token = await readFile(join(home, 'token'), 'utf8').catch(() => '')
      const seen = await fetch(`${url}/api/status`, {
        headers: { authorization: `Bearer ${token.trim()}` },
      }).catch(() => null)
      const isUp = seen?.status === 200
      await seen?.body?.cancel().catch(() => {})
      if (isUp) return
      await sleep(50)
    }
    throw new Error(`the platform on ${home} does not answer: ${said}`)
  }

  await answers()
  const token = (await readFile(join(home, 'token'), 'utf8')).trim()
  const client = createClient({ url, token, patience: PATIENCE })
  return {
    home,
    client,
    startedAt: () => startedAt,
    ended,
    answers,
    kill(awayFor) {
      pause = awayFor
      child.kill('SIGKILL')
    },
    async end() {
      await answers()
      ending = true
      const exit = once(child, 'exit')
      await client.system.stop({ everything: true })
      await exit
      await rm(home, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}
