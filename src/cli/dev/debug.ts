/** Debuggers of a developed app: a port of this machine for each, and what an editor wants to know. */
import { join } from 'node:path'
import type { Debugger } from '../../api/spaces.ts'
import { startForwarding } from '../forwarding.ts'
import type { Link } from '../link.ts'
import type { Terminal } from '../terminal/terminal.ts'
import type { Follower } from './follow.ts'

/** Where its tools look first. */
const USUAL_PORTS: Record<Debugger, number> = { node: 9229, python: 5678, ruby: 12_345, other: 4711 }

interface Debugging {
  link: Link
  terminal: Terminal
  json: boolean
  signal: AbortSignal
  root: string
  space: string
  /** Those beside `web`. */
  processes: readonly string[]
}

export interface DebuggerDoor {
  /** Says where to attach, and again where what an editor has to know is another since. */
  tell(): Promise<void>
}

/** Addresses stay while the process starts anew in place, and lead to the next copy where it is built anew. */
export function openDebuggers(debugging: Debugging, follower: Follower): DebuggerDoor {
  const { link, terminal, json, signal, root, space } = debugging
  const { app } = follower
  const ports = new Map<string, number>()
  const told = new Map<string, string>()
  const say = (sentence: string) => terminal.say(`${terminal.tint('bold', app)} ${sentence}`)

  async function portFor(process: string, preferred: number): Promise<number> {
    const port =
      ports.get(process) ??
      (await startForwarding({
        path: `/spaces/${space}/apps/${app}/processes/${process}/ports/debug/stream`,
        ...{ link, signal, say, name: `the debugger of ${process}`, preferred },
      }))
    ports.set(process, port)
    return port
  }

  async function tellOf(process: string): Promise<void> {
    const { debug, folder, root: inTree } = follower.workspace()
    const kind = debug?.processes.includes(process) ? debug.debugger : null
    const port = kind && (await portFor(process, USUAL_PORTS[kind]))
    const name = `${process === 'web' ? app : `${process} of ${app}`} in ${space}`
    const local = join(root, inTree)
    const attach = kind && port && attachOf(kind, { name, port, local, remote: folder ?? '/workspace' })
    const text = JSON.stringify(attach)
    if (told.get(process) === text) return
    told.set(process, text)
    const address = `127.0.0.1:${port}`
    if (!kind) say(unknown(process))
    else if (json) terminal.print(JSON.stringify({ type: 'debug', app, process, address, attach }))
    else {
      say(`${process} waits for a debugger at ${address}${HOW[kind]}`)
      if (attach) terminal.say(terminal.tint('dim', `  ${text}`))
    }
  }

  return {
    async tell() {
      const { debug } = follower.workspace()
      const known = [...(debug?.processes ?? []), ...(debug?.without ?? [])]
      const mine = ['web', ...debugging.processes].filter((process) => known.includes(process))
      for (const process of mine) await tellOf(process)
    },
  }
}

const IN_VS_CODE = 'in VS Code as a configuration of launch.json:'
const HOW: Record<Debugger, string> = {
  node: `: chrome://inspect finds it, or ${IN_VS_CODE}`,
  python: `, ${IN_VS_CODE}`,
  ruby: `: rdbg --attach, or ${IN_VS_CODE}`,
  other: '',
}

const unknown = (process: string) =>
  `${process} runs without a debugger: dev.command in tow.yaml can start one on $TOW_DEBUG_PORT`

/** As VS Code wants it; null where nobody knows. */
function attachOf(
  kind: Debugger,
  { name, port, local, remote }: { name: string; port: number; local: string; remote: string },
): Record<string, unknown> | null {
  const request = 'attach'
  switch (kind) {
    case 'node':
      return { type: 'node', request, name, port, restart: true, localRoot: local, remoteRoot: remote }
    case 'python': {
      const pathMappings = [{ localRoot: local, remoteRoot: remote }]
      return { type: 'debugpy', request, name, connect: { host: '127.0.0.1', port }, pathMappings }
    }
    case 'ruby':
      return { type: 'rdbg', request, name, debugPort: `127.0.0.1:${port}`, localfsMap: `${remote}:${local}` }
    default:
      return null
  }
}
