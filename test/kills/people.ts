/**
 * People who ship, set config and scale, and remember what they were told: `done` holds what was acknowledged, `open`
 * what nobody answered, which may have happened or not.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { uploadWorkingCopy } from '../../src/cli/working-copy.ts'
import type { Client } from '../../src/client/client.ts'
import type { Work } from './schedule.ts'

export interface Asked {
  kind: Work
  app: string
  /** What is looked for afterwards: a version, a value or a count. Unique, but for counts. */
  wish: number
  /** Unique. */
  label: string
  /** Null until it was acknowledged: the delivery, or the release. */
  answer: { ship?: string; release?: number | null } | null
  error: string | null
}

const SERVER = (version: number) => `
const server = require('node:http').createServer((_, answer) => {
  setTimeout(() => answer.end(JSON.stringify({ version: ${version}, value: process.env.VALUE ?? null })), 5)
})
server.listen(process.env.PORT)
process.on('SIGTERM', () => server.close())
`
const PACKAGE = (name: string) =>
  JSON.stringify({ name, scripts: { build: 'sleep 0.7', start: 'node server.js' } })

export function createPeople(client: Client, folder: string) {
  let last = 0

  /** Resolves with what is known about it; never throws. */
  async function ask(kind: Work, app: string, count = 1): Promise<Asked> {
    last += 1
    const asked: Asked = {
      kind,
      app,
      wish: kind === 'scale' ? count : last,
      label: `${kind}-${last}`,
      answer: null,
      error: null,
    }
    try {
      asked.answer = await (kind === 'ship' ? ship(asked) : kind === 'config' ? config(asked) : scale(asked))
    } catch (error) {
      const { code, message } = error as { code?: string; message: string }
      asked.error = `${code ?? 'failed'}: ${message}`
    }
    return asked
  }

  async function ship({ app, wish, label }: Asked) {
    const root = join(folder, label, app)
    await mkdir(root, { recursive: true })
    await writeFile(join(root, 'package.json'), PACKAGE(app))
    await writeFile(join(root, 'server.js'), SERVER(wish))
    const terminal = { say() {}, tint: (_: string, text: string) => text } as never
    const signal = new AbortController().signal
    const { hash: tree } = await uploadWorkingCopy(client, { root, home: folder, terminal, signal })
    const { id } = await client.ships.start({ tree, folderName: app, environment: 'stage' })
    return { ship: id }
  }

  async function config({ app, wish }: Asked) {
    const set = { VALUE: { value: String(wish) } }
    const { release } = await client.config.set({ app, environment: 'stage', set })
    return { release }
  }

  async function scale({ app, wish, label }: Asked) {
    await client.processes.scale({ app, environment: 'stage', counts: { web: wish }, reason: label })
    return {}
  }

  return { ask }
}
