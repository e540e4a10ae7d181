/** Starts the router as a hop of its own. Usage: main.ts <file with the table that it begins with> */
import { readFileSync } from 'node:fs'
import { startHop } from './hop.ts'
import { HOP_PORTS, type HopTable } from './protocol.ts'

const GRACE_MS = 20_000

process.title = 'towpath router'
const [file = ''] = process.argv.slice(2)
const hop = await startHop({ host: '0.0.0.0', ports: HOP_PORTS, first: readTable(file) })
process.on('SIGTERM', () => void hop.close({ graceMs: GRACE_MS }).then(() => process.exit(0)))

function readTable(path: string): HopTable | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as HopTable
  } catch {
    return null
  }
}
