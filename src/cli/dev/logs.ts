/** What a developed app writes, while it is developed. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Copy } from '../environment.ts'
import type { Link } from '../link.ts'
import type { Terminal } from '../terminal/terminal.ts'
import { harmless } from '../terminal/text.ts'

const AGAIN_MS = 1000

/** Until the signal; a platform that restarts is waited for. */
export async function followLogs(
  link: Link,
  terminal: Terminal,
  copy: Copy,
  json: boolean,
  signal: AbortSignal,
): Promise<void> {
  let since = new Date().toISOString()
  while (!signal.aborted) {
    try {
      for await (const line of await link.client.processes.logs(
        { ...copy, follow: true, since },
        { signal },
      )) {
        since = line.at
        if (json) terminal.print(JSON.stringify({ type: 'log', ...line }))
        else terminal.say(`${terminal.tint('dim', `${copy.app} │`)} ${harmless(line.text)}`)
      }
    } catch {
      await delay(AGAIN_MS, null, { signal }).catch(() => {})
    }
  }
}
