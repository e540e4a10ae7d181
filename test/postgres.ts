/** One real PostgreSQL for a whole test run, in a temporary folder; gone when the run is over, however it ends. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startPostgres } from '../src/platform/kernel/postgres/postgres.ts'

declare module 'vitest' {
  interface ProvidedContext {
    postgres: { host: string; port: number; user: string; password: string; database: string }
  }
}

export default async function setup(project: TestProject) {
  const home = await mkdtemp(join(tmpdir(), 'tow-test-'))
  const postgres = await startPostgres({
    folder: join(home, 'postgres'),
    name: 'the tests’ PostgreSQL',
    // Nothing in here outlives the run; what a crash leaves behind is tested with servers of their own.
    settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' },
    onLog: (message) => process.stderr.write(`${message}\n`),
  })
  // It is a daemon: should this run be killed, the closed pipe ends it.
  const guard = spawn('sh', ['-c', `read _; kill -QUIT ${postgres.pid()}`], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  project.provide('postgres', postgres.connection as never)
  return async () => {
    guard.kill('SIGKILL')
    await postgres.stop()
    await rm(home, { recursive: true, force: true })
  }
}
