/** A real registry as a process of its own, for tests and benchmarks. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface RunningRegistry {
  /** `127.0.0.1:port`. */
  host: string
  stop(): Promise<void>
}

/** Debian's `docker-registry` with an empty folder. `auth` is what its configuration says of logins. */
export async function launchRegistry(auth: object | null = null): Promise<RunningRegistry> {
  const folder = mkdtempSync(join(tmpdir(), 'tow-registry-'))
  const configuration = {
    version: 0.1,
    log: { level: 'info', formatter: 'json', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: true } },
    http: { addr: '127.0.0.1:0', secret: 'of a test' },
    ...(auth && { auth }),
  }
  // JSON is YAML.
  const file = join(folder, 'config.yml')
  writeFileSync(file, JSON.stringify(configuration))
  const child = spawn('docker-registry', ['serve', file], { stdio: ['ignore', 'ignore', 'pipe'] })
  const stop = async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    rmSync(folder, { recursive: true, force: true })
  }
  for await (const line of createInterface({ input: child.stderr })) {
    const [, port] = /listening on 127\.0\.0\.1:(\d+)/.exec(line) ?? []
    if (!port) continue
    child.stderr.resume()
    return { host: `127.0.0.1:${port}`, stop }
  }
  await stop()
  throw new Error('the registry ended before it listened')
}
