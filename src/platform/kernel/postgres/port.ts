import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { TowError } from '../../../api/errors.ts'
import { openFolder, serverUser } from './cluster.ts'

/** A port on 127.0.0.1 that stays the same for `folder`: chosen once, free then, and kept in `folder/port`. */
export async function stablePort(folder: string): Promise<number> {
  const file = join(folder, 'port')
  const kept = Number(await readFile(file, 'utf8').catch(() => ''))
  if (kept > 0) return kept
  await openFolder(folder, await serverUser())
  const port = await freePort(folder)
  await writeFile(file, String(port), { mode: 0o600 })
  return port
}

/** Below those that systems hand out for outgoing connections, which could take it while the server is down. */
const FIRST_PORT = 15_432
const PORTS = 1000

/** Two homes on one machine start looking at different places, also while neither server runs. */
async function freePort(folder: string): Promise<number> {
  const start = createHash('sha256').update(folder).digest().readUInt16BE() % PORTS
  for (let step = 0; step < PORTS; step += 1) {
    const port = FIRST_PORT + ((start + step) % PORTS)
    if (await isFree(port)) return port
  }
  throw new TowError('UNAVAILABLE', `every port from ${FIRST_PORT} to ${FIRST_PORT + PORTS - 1} is taken`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
